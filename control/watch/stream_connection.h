// SPDX-License-Identifier: BSD-3-Clause
// A client's connection that has become a stream, as the thread that writes to it sees it. Nobody waits for the client
// but this thread. The client says nothing more: it goes, killed or not, or shuts down its sending side when it has had
// enough.
#pragma once

#include "dataplane/base/file_descriptor.h"
#include "dataplane/base/result.h"

#include <atomic>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace vx
{

class StreamConnection
{
public:
    enum class Client : std::uint8_t { kStays, kHadEnough, kGone };

    // What wakes the thread that waits for a client.
    static Result<FileDescriptor> make_wake_event();

    // `first` is written before all else.
    StreamConnection(FileDescriptor wake_event, std::string first);

    // ---- before the stream's thread runs ----
    void attach(FileDescriptor& client) noexcept { std::swap(client_, client); }

    // ---- the stream's thread ----
    void append(std::string_view bytes);
    bool has_room() const { return pending() < kRoom; } // for something more that waits for the client
    std::size_t pending() const { return output_.size() - sent_; }
    bool write();                  // as much as the client takes now; false: it is gone
    Client wait(int milliseconds); // until it may be written to, somebody calls wake(), or for so long; -1: no limit
    bool write_rest();             // all that is pending, for a few seconds at most; false: that was not enough

    // ---- any thread ----
    void wake();
    void finish(); // as if the client had had enough
    void abort();  // as if it were gone

private:
    static constexpr std::size_t kRoom = 256 << 10;

    FileDescriptor client_;
    const FileDescriptor wake_event_;
    // Set before the eventfd is written, which orders them, and looked at after it was read.
    std::atomic<bool> is_finished_{false};
    std::atomic<bool> is_aborted_{false};
    std::string output_;
    std::size_t sent_ = 0; // bytes of it that are gone
};

// Starts a stream's thread: `run` until it returns or throws, and `ended` in any case.
Result<std::thread> start_stream_thread(const char* name, std::function<void()> run, std::function<void()> ended);

} // namespace vx
