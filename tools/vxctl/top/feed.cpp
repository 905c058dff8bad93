// SPDX-License-Identifier: BSD-3-Clause
#include "tools/vxctl/top/feed.h"

namespace vx::top
{

namespace
{

constexpr std::size_t kNeeded = 2; // of the answers: stats and links

// Each command by itself: what vxd cannot tell of VTEPs, as when it has no capture left, is no reason to tell nothing.
Result<std::string> request_for(Wanted wanted)
{
    Request request;
    request.id = 1;
    request.format = Format::kJson;
    request.on_failure = OnFailure::kGoOn;
    request.commands = questions(wanted);
    return encode_request(request);
}

Result<Sample> sample_of(const Response& response)
{
    const auto now = std::chrono::steady_clock::now();
    std::string refused;
    for (const Failure& failure : response.failures) {
        if (failure.index < kNeeded)
            return failure.error;
        refused = failure.error.message;
    }
    if (response.outputs.size() < kNeeded)
        return error("top: vxd gave {} answers to {} questions", response.outputs.size(), kNeeded);
    const bool has_vteps = response.outputs.size() > kNeeded;
    auto sample =
        read_sample(response.outputs[0], response.outputs[1], has_vteps ? response.outputs[kNeeded] : Json{}, now);
    if (sample)
        sample->vteps_refused = std::move(refused);
    return sample;
}

} // namespace

Result<Feed> Feed::connect(std::string socket_path)
{
    auto client = Client::connect(socket_path);
    if (!client)
        return std::move(client).error();
    return Feed(std::move(socket_path), *std::move(client));
}

Error Feed::lose(Error failure)
{
    client_.reset();
    is_waiting_ = false;
    return failure;
}

Result<> Feed::ask(Wanted wanted)
{
    const auto request = request_for(wanted);
    if (!request)
        return request.error();
    if (!client_) {
        auto client = Client::connect(socket_path_);
        if (!client)
            return std::move(client).error();
        client_.emplace(*std::move(client));
    }
    if (auto asked = client_->ask(*request); !asked)
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

Result<Sample> Feed::look(Wanted wanted)
{
    auto request = request_for(wanted);
    if (!request)
        return std::move(request).error();
    if (!client_)
        return error("the connection to vxd has gone");
    const auto response = client_->run(*std::move(request));
    if (!response)
        return lose(response.error());
    return sample_of(*response);
}

} // namespace vx::top
