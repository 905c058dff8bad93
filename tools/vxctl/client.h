// SPDX-License-Identifier: BSD-3-Clause
// vxctl's side of the config socket: one request, one answer.
#pragma once

#include "control/wire.h"
#include "dataplane/net/result.h"

#include <string>
#include <string_view>

namespace vx
{

class Client
{
public:
    static Result<Client> connect(const std::string& path);

    Client(Client&& other) noexcept;
    Client& operator=(Client&&) = delete;
    ~Client();

    // Sends an encoded request and waits for what becomes of its commands. An Error here is one of the connection or
    // the protocol; failed commands are in the Response.
    Result<Response> run(std::string request);

private:
    explicit Client(int fd) : fd_(fd) {}
    // False when vxd has closed its side; it may have said why before.
    bool send(std::string_view bytes);
    Result<std::string> receive_line();

    int fd_;
};

} // namespace vx
