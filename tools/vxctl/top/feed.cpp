// SPDX-License-Identifier: BSD-3-Clause
#include "tools/vxctl/top/feed.h"

namespace vx::top
{

namespace
{

Result<Sample> sample_of(const Response& response)
{
    const auto now = std::chrono::steady_clock::now();
    if (!response.failures.empty())
        return response.failures.front().error;
    if (response.outputs.size() != kQuestions.size())
        return error("top: vxd gave {} answers to {} questions", response.outputs.size(), kQuestions.size());
    return read_sample(response.outputs[0], response.outputs[1], now);
}

} // namespace

Result<Feed> Feed::connect(std::string socket_path)
{
    Request request;
    request.id = 1;
    request.format = Format::kJson;
    request.commands = kQuestions;
    auto encoded = encode_request(request);
    if (!encoded)
        return std::move(encoded).error();
    auto client = Client::connect(socket_path);
    if (!client)
        return std::move(client).error();
    return Feed(std::move(socket_path), *std::move(client), *std::move(encoded));
}

Error Feed::lose(Error failure)
{
    client_.reset();
    is_waiting_ = false;
    return failure;
}

Result<> Feed::ask()
{
    if (!client_) {
        auto client = Client::connect(socket_path_);
        if (!client)
            return std::move(client).error();
        client_.emplace(*std::move(client));
    }
    if (auto asked = client_->ask(request_); !asked)
        return lose(std::move(asked).error());
    is_waiting_ = true;
    return Ok{};
}

Result<std::optional<Sample>> Feed::receive()
{
    auto response = client_->receive();
    if (!response)
        return lose(std::move(response).error());
    if (!*response)
        return std::optional<Sample>{};
    auto sample = sample_of(**response);
    if (!sample)
        return lose(std::move(sample).error());
    is_waiting_ = false;
    return std::optional{*std::move(sample)};
}

Result<Sample> Feed::look()
{
    if (!client_)
        return error("the connection to vxd has gone");
    const auto response = client_->run(request_);
    if (!response)
        return lose(response.error());
    return sample_of(*response);
}

} // namespace vx::top
