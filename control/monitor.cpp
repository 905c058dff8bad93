// SPDX-License-Identifier: BSD-3-Clause
#include "control/monitor.h"

#include <fmt/chrono.h>
#include <pthread.h>

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

MonitorStream::MonitorStream(const MonitorSpec& spec, FileDescriptor client, std::string first,
                             std::function<void()> ended)
    : spec_(spec), ended_(std::move(ended)), connection_(std::move(client), std::move(first))
{
    thread_ = std::thread([this] {
        pthread_setname_np(pthread_self(), "vxd-monitor");
        run();
        has_ended_.store(true, std::memory_order_release);
        ended_();
    });
}

MonitorStream::~MonitorStream()
{
    connection_.abort();
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

std::string MonitorStream::loss(std::uint64_t count) const
{
    return line_of(spec_, "lost", "", fmt::format("{} events, which were not read in time", count),
                   {{"events", count}});
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

Result<StreamTaker> Monitors::start(const MonitorSpec& spec)
{
    if (streams_.size() >= kMax)
        return error("{} monitors are running, and no more than that can", kMax);
    return StreamTaker{[this, spec](FileDescriptor client, std::string first) {
        streams_.push_back(std::make_unique<MonitorStream>(spec, std::move(client), std::move(first), ended_));
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
