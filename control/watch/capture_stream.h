// SPDX-License-Identifier: BSD-3-Clause
// One capture on its way to the client that asked for it: a thread that takes what workers recorded and writes it to
// the client's connection, as pcapng. A client that does not read keeps nobody waiting but this thread: the rings
// become full, and what is lost is counted. The stream ends when the client closes its side (killed or not), and at
// once; or when it shuts down its sending side, and then with all that was recorded and the counts.
#pragma once

#include "control/watch/capture_blocks.h"
#include "control/watch/stream_connection.h"

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

namespace vx
{

class CaptureStream
{
public:
    // Takes the client, unless it fails. `first` is written in front of all else. `name`: of the first interface, which
    // the counts belong to. `ended` is called by the thread when it has nothing more to do but to end.
    static Result<std::unique_ptr<CaptureStream>> start(std::shared_ptr<Capture> capture, FileDescriptor& client,
                                                        std::string first, const std::string& name,
                                                        const LinkNames& names, std::function<void()> ended);
    ~CaptureStream(); // ends it, and waits for the thread; a client that does not read loses what it has not read
    CaptureStream(const CaptureStream&) = delete;
    CaptureStream& operator=(const CaptureStream&) = delete;

    void finish() { connection_.finish(); } // it ends with all that was recorded, as if the client had had enough

    bool has_ended() const { return has_ended_.load(std::memory_order_acquire); }
    const Capture& capture() const { return *capture_; }

private:
    CaptureStream(std::shared_ptr<Capture> capture, FileDescriptor wake_event, std::string first,
                  const LinkNames& names);
    void run();
    bool take(); // what workers recorded, as far as there is room; false: there was nothing, or no room

    const std::shared_ptr<Capture> capture_;
    CaptureBlocks blocks_; // the thread's, once it runs
    StreamConnection connection_;
    std::uint64_t delivered_ = 0;
    std::atomic<bool> has_ended_{false}; // written by the thread as its last act, read by the control thread
    std::thread thread_;
};

} // namespace vx
