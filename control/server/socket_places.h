// SPDX-License-Identifier: BSD-3-Clause
// Who gets a place at the config socket when there are few, and whose. Who may only look never takes a place from who
// may change things, nor more than a share; nobody takes one from a client whose request or reply is on its way.
#pragma once

#include "control/wire/wire.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>

namespace vx
{

struct SocketPlaces {
    std::size_t all = 64;
    std::size_t readers = 48;       // for all who may only look; the others are for who may change things
    std::size_t of_one_reader = 16; // for one user who may only look
};

struct SocketClient {
    enum class State : std::uint8_t {
        kIdle,    // nothing asked for a while
        kStalled, // in the middle of a request or reply that waits for the client for long
        kFresh,   // nothing asked yet, or not again, but it may be about to
        kBusy,    // a request or reply moves, or will in a moment
    };
    int fd = -1;
    Identity peer;
    State state = State::kBusy;
    std::chrono::steady_clock::duration still{}; // since it last did something
};

struct FreePlace {
};
struct TakenPlace { // that of a client, which goes
    SocketClient client;
};
struct NoPlace {
    std::string why;
};

std::variant<FreePlace, TakenPlace, NoPlace> place_for(const Identity& newcomer, std::span<const SocketClient> clients,
                                                       const SocketPlaces& places);

// The client that can be missed most easily: by its state, of those who may only look before the others, still for
// longest. Nothing: all of them are busy.
std::optional<SocketClient> most_dispensable(std::span<const SocketClient> clients);

} // namespace vx
