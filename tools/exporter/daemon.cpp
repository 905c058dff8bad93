// SPDX-License-Identifier: BSD-3-Clause
#include "tools/exporter/daemon.h"

#include "tools/vxctl/client.h"

namespace vx::exporter
{

Result<std::optional<Snapshot>> ask(const std::string& socket_path)
{
    auto client = Client::find(socket_path, kPatience);
    if (!client)
        return std::move(client).error();
    if (!*client)
        return std::optional<Snapshot>{};
    auto version = (*client)->version();
    if (!version)
        return std::move(version).error();
    Request request;
    request.id = 1;
    request.commands = {{"stats", "show"}, {"link", "show"}};
    request.format = Format::kJson;
    auto line = encode_request(request);
    if (!line)
        return std::move(line).error();
    const auto response = (*client)->run(*std::move(line));
    if (!response)
        return response.error();
    if (!response->failures.empty())
        return response->failures.front().error;
    if (response->outputs.size() != 2)
        return error("vxd answered {} of 2 commands", response->outputs.size());
    auto snapshot = snapshot_from(response->outputs[0], response->outputs[1], *std::move(version));
    if (!snapshot)
        return std::move(snapshot).error();
    return std::optional<Snapshot>{*std::move(snapshot)};
}

} // namespace vx::exporter
