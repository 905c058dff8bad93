// SPDX-License-Identifier: BSD-3-Clause
// `monitor`: a stream of what changes, for clients that watch. The control thread puts events into a bounded queue of
// each client, whose own thread writes them; a client that reads too slowly loses events and is told how many.
#pragma once

#include "control/watch/stream_connection.h"
#include "control/wire/wire.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace vx
{

enum class MonitorTopic : std::uint8_t { kLink, kAddr, kRoute, kNeigh, kFdb, kMiss };
inline constexpr std::string_view kMonitorTopics[] = {"link", "addr", "route", "neigh", "fdb", "miss"};

struct MonitorSpec {
    std::uint32_t topics = 0; // a bit each
    bool has_time = false;
    bool is_json = false;

    void add(MonitorTopic topic) { topics |= 1U << static_cast<unsigned>(topic); }
    bool has(MonitorTopic topic) const { return (topics >> static_cast<unsigned>(topic) & 1) != 0; }
};

struct MonitorEvent {
    MonitorTopic topic = MonitorTopic::kLink;
    std::string_view action;     // "add", "change", "del", "move"; of a miss, empty
    std::string text;            // as ip and bridge show it
    nlohmann::ordered_json json; // an object; topic, action and time are put in front
};

// One client.
class MonitorStream
{
public:
    // Takes the client, unless it fails.
    static Result<std::unique_ptr<MonitorStream>> start(const MonitorSpec& spec, const Identity& peer,
                                                        FileDescriptor& client, std::string first,
                                                        std::function<void()> ended);
    ~MonitorStream();
    MonitorStream(const MonitorStream&) = delete;
    MonitorStream& operator=(const MonitorStream&) = delete;

    const MonitorSpec& spec() const { return spec_; }
    const Identity& peer() const { return peer_; }
    bool has_ended() const { return has_ended_.load(std::memory_order_acquire); }

    // Control thread. Whether there is room for an event; if not, it is lost.
    bool has_room();
    void tell(std::string line);

private:
    static constexpr std::size_t kQueued = 4096; // events

    MonitorStream(const MonitorSpec& spec, const Identity& peer, FileDescriptor wake_event, std::string first);
    void run();
    void take(); // lines, as far as the connection has room
    std::string loss(std::uint64_t count) const;

    const MonitorSpec spec_;
    const Identity peer_;
    StreamConnection connection_;
    std::mutex mutex_; // of the next two; held for moments
    std::deque<std::string> lines_;
    std::uint64_t lost_ = 0;             // since the last line in the queue
    std::atomic<bool> has_ended_{false}; // written by the thread as its last act, read by the control thread
    std::thread thread_;
};

// All of them. Control thread alone.
class Monitors
{
public:
    static constexpr std::size_t kMax = 16;
    static constexpr std::size_t kMaxOfReaders = 12; // together: the others are for who may change things
    static constexpr std::size_t kMaxOfReader = 4;   // of one user who may only look

    explicit Monitors(std::function<void()> ended) : ended_(std::move(ended)) {}

    Result<StreamTaker> start(const MonitorSpec& spec, const Identity& peer);
    bool is_wanted(MonitorTopic topic) const; // by somebody, who may have no room
    // Whether an event of this topic is worth making: somebody wants it and has room for it. Who has none, loses it.
    bool wants(MonitorTopic topic);
    void tell(const MonitorEvent& event); // behind wants()
    void reap();
    void stop() { streams_.clear(); }

private:
    const std::function<void()> ended_; // any thread may call it
    std::vector<std::unique_ptr<MonitorStream>> streams_;
    std::vector<MonitorStream*> ready_; // what wants() found
};

} // namespace vx
