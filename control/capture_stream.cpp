// SPDX-License-Identifier: BSD-3-Clause
#include "control/capture_stream.h"

#include <pthread.h>

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

CaptureStream::CaptureStream(std::shared_ptr<Capture> capture, FileDescriptor client, std::string first,
                             std::string name, const LinkNames& names, std::function<void()> ended)
    : capture_(std::move(capture)), blocks_(capture_->spec(), names), ended_(std::move(ended)),
      connection_(std::move(client), std::move(first))
{
    connection_.append(blocks_.begin(name));
    thread_ = std::thread([this] {
        pthread_setname_np(pthread_self(), "vxd-capture");
        run();
        has_ended_.store(true, std::memory_order_release);
        ended_();
    });
}

CaptureStream::~CaptureStream()
{
    connection_.abort();
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
