// SPDX-License-Identifier: BSD-3-Clause
// Who comes when all places of the config socket are taken gets in, and somebody who does nothing goes; but nobody
// takes the place of a request that moves, and who may only look none from who may change things.
#include "tests/unit/socket_lab.h"

#include <memory>
#include <vector>

using namespace vx;
using namespace vx::test;
using namespace std::chrono_literals;

namespace
{

SocketLimits places(std::size_t count, std::chrono::milliseconds grace = 0ms)
{
    SocketLimits limits;
    limits.places.all = count;
    limits.grace = grace;
    limits.patience = grace;
    return limits;
}

using State = SocketClient::State;

// So many clients of a user.
void add(std::vector<SocketClient>& clients, std::size_t count, Role role, std::uint32_t uid, State state)
{
    for (std::size_t i = 0; i < count; ++i)
        clients.push_back({static_cast<int>(clients.size()), {role, uid}, state, std::chrono::seconds(i + 1)});
}

bool is_in(const Identity& peer, const std::vector<SocketClient>& clients)
{
    return std::holds_alternative<FreePlace>(place_for(peer, clients, SocketPlaces{}));
}

std::optional<SocketClient> ousted(const Identity& peer, const std::vector<SocketClient>& clients)
{
    const auto place = place_for(peer, clients, SocketPlaces{});
    const auto* const taken = std::get_if<TakenPlace>(&place);
    return taken == nullptr ? std::nullopt : std::optional{taken->client};
}

std::string refusal(const Identity& peer, const std::vector<SocketClient>& clients)
{
    const auto place = place_for(peer, clients, SocketPlaces{});
    const auto* const none = std::get_if<NoPlace>(&place);
    return none == nullptr ? "" : none->why;
}

constexpr Identity kRoot{Role::kAdmin, 0};
constexpr Identity kReader{Role::kReader, 1000};

using Peers = std::vector<std::unique_ptr<Peer>>;

Peers many(const Folder& folder, std::size_t count, std::string_view first_bytes)
{
    Peers peers;
    for (std::size_t i = 0; i < count; ++i) {
        peers.push_back(std::make_unique<Peer>(folder.socket()));
        peers.back()->send(first_bytes);
    }
    return peers;
}

// Gone, having been told why.
bool is_ousted(Peer& peer)
{
    return peer.line().find("had to make room for another; connect again") != std::string::npos && peer.line().empty();
}

} // namespace

TEST_CASE("who comes when all places are taken gets that of the client that was idle for longest")
{
    const Folder folder;
    Server server(folder.socket(), places(3));
    Peer one(folder.socket()), two(folder.socket()), three(folder.socket());
    for (Peer* peer : {&two, &three, &one})
        CHECK(peer->ask(kPing) == kPong);
    Peer four(folder.socket());
    CHECK(four.ask(kPing) == kPong);
    CHECK(is_ousted(two));
    Peer five(folder.socket());
    CHECK(five.ask(kPing) == kPong);
    CHECK(is_ousted(three));
    for (Peer* peer : {&one, &four, &five})
        CHECK(peer->ask(kPing) == kPong);
}

TEST_CASE("a client in the middle of a request keeps its place before those that are idle")
{
    const Folder folder;
    Server server(folder.socket(), places(2));
    const std::string show = run_line({"link", "show"});
    Peer busy(folder.socket());
    busy.send(show.substr(0, 20));
    std::this_thread::sleep_for(20ms);
    Peer idle(folder.socket());
    CHECK(idle.ask(kPing) == kPong);
    CHECK(Peer(folder.socket()).ask(kPing) == kPong);
    CHECK(is_ousted(idle));
    busy.send(show.substr(20));
    CHECK(decode_response(busy.line())->outputs[0] == "link show\n");
}

TEST_CASE("64 clients with half a request, or that never read, lock nobody out")
{
    const Folder folder;
    Server server(folder.socket(), places(64, 300ms));
    const std::string first_bytes =
        GENERATE(std::string{}, run_line({"link", "show"}).substr(0, 20), run_line({"big", "1000000"}),
                 run_line({"big", "1000000"}) + run_line({"big", "1000000"}));
    CAPTURE(first_bytes);
    const Peers peers = many(folder, 64, first_bytes);
    const int requests = first_bytes.ends_with('\n') ? 64 : 0; // one of each, for nobody reads its answer
    while (server.handled() < requests)
        std::this_thread::sleep_for(10ms);
    std::this_thread::sleep_for(1s);
    // All at once, none of them pushes out another.
    Peers newcomers = many(folder, 10, "");
    for (const auto& newcomer : newcomers)
        CHECK(newcomer->ask(kPing) == kPong);
}

TEST_CASE("a request that waits to be read keeps its client its place")
{
    const Folder folder;
    Server server(folder.socket(), places(4));
    bool is_answered = true;
    for (int round = 0; round < 200; ++round) {
        Peers peers = many(folder, 4, kPing);
        for (const auto& peer : peers)
            is_answered = is_answered && peer->line() == kPong;
    }
    CHECK(is_answered);
}

TEST_CASE("a client whose request moves keeps its place, and who comes is told so")
{
    const Folder folder;
    SocketLimits limits = places(2, 1min);
    Server server(folder.socket(), limits);
    const std::string show = run_line({"link", "show"});
    Peer one(folder.socket()), two(folder.socket());
    for (Peer* peer : {&one, &two}) {
        CHECK(peer->ask(kPing) == kPong);
        peer->send(show.substr(0, 20));
    }
    std::this_thread::sleep_for(50ms);
    Peer three(folder.socket());
    CHECK(three.line().find("vxd serves 2 clients at a time, and all of them are in the middle of a request") !=
          std::string::npos);
    CHECK(three.line().empty());
    for (Peer* peer : {&one, &two}) {
        peer->send(show.substr(20));
        CHECK(decode_response(peer->line())->outputs[0] == "link show\n");
    }
}

TEST_CASE("who may only look leaves places to who may change things")
{
    std::vector<SocketClient> clients;
    for (const std::uint32_t uid : {1001, 1002, 1003})
        add(clients, 16, Role::kReader, uid, State::kBusy);
    CHECK(refusal(kReader, clients).find("vxd serves 64 clients at a time, 48 of them who may only look") == 0);
    CHECK(is_in(kRoot, clients));
    add(clients, 15, Role::kAdmin, 0, State::kBusy);
    CHECK(is_in(kRoot, clients));
    add(clients, 1, Role::kAdmin, 0, State::kBusy);
    CHECK(refusal(kRoot, clients).find("vxd serves 64 clients at a time") == 0);
}

TEST_CASE("one user who may only look has a share of the places, and takes more from himself alone")
{
    std::vector<SocketClient> clients;
    add(clients, 5, Role::kReader, 1001, State::kIdle);
    add(clients, 5, Role::kAdmin, 0, State::kIdle);
    add(clients, 16, Role::kReader, kReader.uid, State::kBusy);
    CHECK(refusal(kReader, clients).find("user 1000 has 16 connections to vxd already") == 0);
    clients.back().state = State::kFresh;
    CHECK(ousted(kReader, clients)->fd == clients.back().fd);
    CHECK(is_in({Role::kReader, 1001}, clients));
}

TEST_CASE("who may only look takes no place of who may change things, however idle")
{
    std::vector<SocketClient> clients;
    add(clients, 64, Role::kAdmin, 0, State::kIdle);
    CHECK_FALSE(refusal(kReader, clients).empty());
    CHECK(ousted(kRoot, clients).has_value());
}

TEST_CASE("idle clients go before stalled ones, these before fresh ones, and readers before admins")
{
    std::vector<SocketClient> clients;
    add(clients, 60, Role::kAdmin, 0, State::kBusy);
    add(clients, 1, Role::kAdmin, 0, State::kIdle);
    add(clients, 1, Role::kReader, 1000, State::kFresh);
    add(clients, 1, Role::kReader, 1000, State::kStalled);
    add(clients, 1, Role::kReader, 1000, State::kIdle);
    for (const int fd : {63, 60, 62, 61}) {
        REQUIRE(ousted(kRoot, clients)->fd == fd);
        clients[static_cast<std::size_t>(fd)].state = State::kBusy;
    }
    CHECK_FALSE(ousted(kRoot, clients).has_value());
}
