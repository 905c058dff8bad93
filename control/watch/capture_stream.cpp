// SPDX-License-Identifier: BSD-3-Clause
#include "control/watch/capture_stream.h"

#include <chrono>

namespace vx
{

namespace
{

constexpr int kIdleMilliseconds = 10; // between two looks at empty rings

std::uint64_t now_ns()
{
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
            .count());
}

} // namespace

Result<std::unique_ptr<CaptureStream>> CaptureStream::start(std::shared_ptr<Capture> capture, FileDescriptor& client,
                                                            std::string first, const std::string& name,
                                                            const LinkNames& names, std::function<void()> ended)
{
    auto wake_event = StreamConnection::make_wake_event();
    if (!wake_event)
        return std::move(wake_event).error();
    std::unique_ptr<CaptureStream> stream(
        new CaptureStream(std::move(capture), *std::move(wake_event), std::move(first), names));
    CaptureStream* const self = stream.get();
    self->connection_.append(self->blocks_.begin(name));
    std::function<void()> run = [self] { self->run(); };
    std::function<void()> end = [self, ended = std::move(ended)] {
        self->has_ended_.store(true, std::memory_order_release);
        ended();
    };
    self->connection_.attach(client);
    auto thread = start_stream_thread("vxd-capture", std::move(run), std::move(end));
    if (!thread) {
        self->connection_.attach(client); // back
        return std::move(thread).error();
    }
    self->thread_ = *std::move(thread);
    return stream;
}

CaptureStream::CaptureStream(std::shared_ptr<Capture> capture, FileDescriptor wake_event, std::string first,
                             const LinkNames& names)
    : capture_(std::move(capture)), blocks_(capture_->spec(), names),
      connection_(std::move(wake_event), std::move(first))
{
}

CaptureStream::~CaptureStream()
{
    connection_.abort();
    if (thread_.joinable())
        thread_.join();
}

void CaptureStream::run()
{
    using Client = StreamConnection::Client;
    Client client = Client::kStays;
    while (client == Client::kStays) {
        const bool is_busy = take();
        if (!connection_.write())
            return;
        client = connection_.wait(connection_.pending() != 0 ? -1 : is_busy ? 0 : kIdleMilliseconds);
    }
    if (client == Client::kGone)
        return;
    // What is recorded by now is all that it gets: workers may go on as fast as this.
    const std::uint64_t wanted = capture_->taken() - capture_->lost();
    while (delivered_ < wanted && take())
        if (!connection_.write_rest())
            return;
    connection_.append(CaptureBlocks::end(now_ns(), capture_->taken(), capture_->lost()));
    connection_.write_rest();
}

bool CaptureStream::take()
{
    bool is_any = false;
    while (connection_.has_room()) {
        const auto seen = capture_->pop();
        if (!seen)
            break;
        connection_.append(blocks_.packet(*seen));
        ++delivered_;
        is_any = true;
    }
    return is_any;
}

} // namespace vx
