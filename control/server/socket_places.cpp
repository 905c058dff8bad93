// SPDX-License-Identifier: BSD-3-Clause
#include "control/server/socket_places.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <vector>

namespace vx
{

namespace
{

using State = SocketClient::State;

// Whoever comes first goes first.
auto rank(const SocketClient& client)
{
    return std::tuple(client.state, client.peer.role == Role::kAdmin, -client.still);
}

template <typename Predicate>
std::vector<SocketClient> select(std::span<const SocketClient> clients, Predicate predicate)
{
    std::vector<SocketClient> selected;
    std::ranges::copy_if(clients, std::back_inserter(selected), predicate);
    return selected;
}

} // namespace

std::optional<SocketClient> most_dispensable(std::span<const SocketClient> clients)
{
    std::optional<SocketClient> found;
    for (const SocketClient& client : clients)
        if (client.state != State::kBusy && (!found || rank(client) < rank(*found)))
            found = client;
    return found;
}

std::variant<FreePlace, TakenPlace, NoPlace> place_for(const Identity& newcomer, std::span<const SocketClient> clients,
                                                       const SocketPlaces& places)
{
    const auto take_from = [](std::span<const SocketClient> group,
                              std::string why) -> std::variant<FreePlace, TakenPlace, NoPlace> {
        if (const auto client = most_dispensable(group))
            return TakenPlace{*client};
        return NoPlace{std::move(why)};
    };
    if (newcomer.role == Role::kAdmin) {
        if (clients.size() < places.all)
            return FreePlace{};
        return take_from(clients, fmt::format("vxd serves {} clients at a time, and all of them are in the middle of "
                                              "a request; try again",
                                              places.all));
    }
    const auto readers = select(clients, [](const SocketClient& client) { return client.peer.role == Role::kReader; });
    const auto own = select(readers, [&](const SocketClient& client) { return client.peer.uid == newcomer.uid; });
    if (own.size() >= places.of_one_reader)
        return take_from(own, fmt::format("user {} has {} connections to vxd already, and all of them are in the "
                                          "middle of a request; a user who may only look can have no more than that",
                                          newcomer.uid, own.size()));
    if (readers.size() >= places.readers || clients.size() >= places.all)
        return take_from(readers, fmt::format("vxd serves {} clients at a time, {} of them who may only look; all of "
                                              "those that are there are in the middle of a request; try again",
                                              places.all, places.readers));
    return FreePlace{};
}

} // namespace vx
