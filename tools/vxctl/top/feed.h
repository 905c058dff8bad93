// SPDX-License-Identifier: BSD-3-Clause
// Where samples come from: vxd's socket, over one connection for as long as it lasts, and then over another.
#pragma once

#include "tools/vxctl/client.h"
#include "tools/vxctl/top/sample.h"

#include <optional>
#include <string>

namespace vx::top
{

class Feed
{
public:
    // An Error: no vxd answers there.
    static Result<Feed> connect(std::string socket_path);

    // Asks for a sample, connecting anew where the connection has gone. Precondition: !is_waiting().
    Result<> ask(Wanted wanted);
    bool is_waiting() const { return is_waiting_; }
    // To wait for; -1 where there is no connection.
    int fd() const { return client_ ? client_->fd() : -1; }
    // When fd() is readable: a sample, or nothing yet. An Error: the connection has gone, or what came is no sample.
    Result<std::optional<Sample>> receive();

    // Asks, and waits for the answer.
    Result<Sample> look(Wanted wanted);

private:
    Feed(std::string socket_path, Client client) : socket_path_(std::move(socket_path)), client_(std::move(client)) {}
    Error lose(Error failure);

    std::string socket_path_;
    std::optional<Client> client_;
    bool is_waiting_ = false; // for an answer
};

} // namespace vx::top
