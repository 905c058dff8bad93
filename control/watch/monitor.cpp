// SPDX-License-Identifier: BSD-3-Clause
#include "control/watch/monitor.h"

#include "control/base/memory_reserve.h"

#include <fmt/chrono.h>

#include <algorithm>
#include <chrono>

namespace vx
{

namespace
{

using Json = nlohmann::ordered_json;

// As `ip -ts` has it.
std::string timestamp()
{
    const auto now = std::chrono::system_clock::now();
    const auto since = std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count();
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}", fmt::localtime(std::chrono::system_clock::to_time_t(now)),
                       since % 1'000'000);
}

std::string line_of(const MonitorSpec& spec, std::string_view topic, std::string_view action, std::string_view text,
                    const Json& json)
{
    const std::string time = spec.has_time ? timestamp() : "";
    if (!spec.is_json) {
        std::string upper{topic};
        std::transform(upper.begin(), upper.end(), upper.begin(), [](char c) { return c & ~0x20; });
        return fmt::format("{}[{}]{}{}\n", time.empty() ? "" : fmt::format("[{}] ", time), upper,
                           action == "del" ? "Deleted " : "", text);
    }
    Json line = Json::object();
    if (!time.empty())
        line["timestamp"] = time;
    line["event"] = topic;
    if (!action.empty())
        line["action"] = action;
    line.update(json);
    return line.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

} // namespace

Result<std::unique_ptr<MonitorStream>> MonitorStream::start(const MonitorSpec& spec, const Identity& peer,
                                                            FileDescriptor& client, std::string first,
                                                            std::function<void()> ended)
{
    auto wake_event = StreamConnection::make_wake_event();
    if (!wake_event)
        return std::move(wake_event).error();
    std::unique_ptr<MonitorStream> stream(new MonitorStream(spec, peer, *std::move(wake_event), std::move(first)));
    MonitorStream* const self = stream.get();
    self->connection_.attach(client);
    auto thread = start_stream_thread(
        "vxd-monitor", [self] { self->run(); },
        [self, ended = std::move(ended)] {
            self->has_ended_.store(true, std::memory_order_release);
            ended();
        });
    if (!thread) {
        self->connection_.attach(client); // back
        return std::move(thread).error();
    }
    self->thread_ = *std::move(thread);
    return stream;
}

MonitorStream::MonitorStream(const MonitorSpec& spec, const Identity& peer, FileDescriptor wake_event,
                             std::string first)
    : spec_(spec), peer_(peer), connection_(std::move(wake_event), std::move(first))
{
}

MonitorStream::~MonitorStream()
{
    connection_.abort();
    if (thread_.joinable())
        thread_.join();
}

bool MonitorStream::has_room()
{
    const std::lock_guard lock(mutex_);
    if (lines_.size() < kQueued)
        return true;
    ++lost_;
    return false;
}

void MonitorStream::tell(std::string line)
{
    bool was_empty = false;
    {
        const std::lock_guard lock(mutex_);
        was_empty = lines_.empty();
        if (lost_ != 0)
            lines_.push_back(loss(std::exchange(lost_, 0)));
        lines_.push_back(std::move(line));
    }
    if (was_empty)
        connection_.wake();
}

// Not by way of JSON, whose destruction needs memory: this is the stream's thread too.
std::string MonitorStream::loss(std::uint64_t count) const
{
    const std::string time = spec_.has_time ? timestamp() : "";
    if (spec_.is_json)
        return fmt::format("{{{}\"event\":\"lost\",\"events\":{}}}\n",
                           time.empty() ? "" : fmt::format("\"timestamp\":\"{}\",", time), count);
    return fmt::format("{}[LOST]{} events, which were not read in time\n",
                       time.empty() ? "" : fmt::format("[{}] ", time), count);
}

void MonitorStream::take()
{
    const std::lock_guard lock(mutex_);
    while (connection_.has_room() && !lines_.empty()) {
        connection_.append(lines_.front());
        lines_.pop_front();
    }
    if (lines_.empty() && lost_ != 0)
        connection_.append(loss(std::exchange(lost_, 0)));
}

void MonitorStream::run()
{
    using Client = StreamConnection::Client;
    Client client = Client::kStays;
    while (client == Client::kStays) {
        take();
        if (!connection_.write())
            return;
        client = connection_.wait(-1);
    }
    if (client == Client::kHadEnough) {
        take();
        connection_.write_rest();
    }
}

Result<StreamTaker> Monitors::start(const MonitorSpec& spec, const Identity& peer)
{
    if (streams_.size() >= kMax)
        return error("{} monitors are running, and no more than that can", kMax);
    if (peer.role == Role::kReader) {
        const auto count = [this](auto predicate) {
            return static_cast<std::size_t>(std::ranges::count_if(streams_, [&](const auto& stream) {
                return stream->peer().role == Role::kReader && predicate(*stream);
            }));
        };
        if (count([&](const MonitorStream& stream) { return stream.peer().uid == peer.uid; }) >= kMaxOfReader)
            return error("user {} has {} monitors running, and no more than that can a user who may only look",
                         peer.uid, kMaxOfReader);
        if (count([](const MonitorStream&) { return true; }) >= kMaxOfReaders)
            return error("{} monitors of users who may only look are running, and no more than that can; {} are kept "
                         "for who may change things",
                         kMaxOfReaders, kMax - kMaxOfReaders);
    }
    return StreamTaker{[this, spec, peer](FileDescriptor& client, std::string first) -> Result<> {
        const MemoryReserve::Use use; // the connection changes hands, or it does not
        streams_.reserve(streams_.size() + 1);
        auto stream = MonitorStream::start(spec, peer, client, std::move(first), ended_);
        if (!stream)
            return error("monitor: {}", stream.error().message);
        streams_.push_back(*std::move(stream));
        return Ok{};
    }};
}

bool Monitors::is_wanted(MonitorTopic topic) const
{
    return std::any_of(streams_.begin(), streams_.end(),
                       [topic](const auto& stream) { return stream->spec().has(topic); });
}

bool Monitors::wants(MonitorTopic topic)
{
    ready_.clear();
    for (const auto& stream : streams_)
        if (stream->spec().has(topic) && stream->has_room())
            ready_.push_back(stream.get());
    return !ready_.empty();
}

void Monitors::tell(const MonitorEvent& event)
{
    const std::string_view topic = kMonitorTopics[static_cast<std::size_t>(event.topic)];
    for (MonitorStream* stream : ready_)
        stream->tell(line_of(stream->spec(), topic, event.action, event.text, event.json));
}

void Monitors::reap()
{
    std::erase_if(streams_, [](const auto& stream) { return stream->has_ended(); });
}

} // namespace vx
