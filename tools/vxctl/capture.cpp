// SPDX-License-Identifier: BSD-3-Clause
#include "tools/vxctl/capture.h"

#include "control/wire/pcapng.h"
#include "tools/vxctl/capture_output.h"
#include "tools/vxctl/client.h"
#include "tools/vxctl/signals.h"
#include "tools/vxctl/terminal.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <set>

namespace vx
{

namespace
{

constexpr int kSilenceMilliseconds = 200;            // after which nothing more becomes of a packet
constexpr std::chrono::milliseconds kOneSignal{300}; // timeout(1) sends its signal to us, and to our process group

class Reading
{
public:
    Reading(int connection, CaptureOutput output, const CaptureInvocation& invocation)
        : connection_(connection), output_(std::move(output)), count_(invocation.count), is_trace_(invocation.is_trace),
          signals_(watch_ending_signals()) // the counts are still to be said
    {
    }

    // Until the stream ends.
    Result<> run(std::string_view first)
    {
        if (auto written = take(first); !written)
            return written;
        std::array<char, 256 << 10> chunk;
        for (;;) {
            // Who reads stdout may go while no packet comes.
            std::array<pollfd, 3> waiting{pollfd{connection_, POLLIN, 0}, pollfd{signals_.get(), POLLIN, 0},
                                          pollfd{output_.is_stdout() ? STDOUT_FILENO : -1, 0, 0}};
            const int ready = poll(waiting.data(), waiting.size(), is_complete() ? kSilenceMilliseconds : -1);
            if (ready < 0 && errno != EINTR)
                return error("poll: {}", std::strerror(errno));
            if (ready == 0 && !has_asked_)
                ask_to_end(); // all that becomes of the last packet has come
            if (waiting[1].revents != 0) {
                signalfd_siginfo ignored{};
                [[maybe_unused]] const auto size = read(signals_.get(), &ignored, sizeof(ignored));
                const auto now = std::chrono::steady_clock::now();
                if (signalled_ && now - *signalled_ > kOneSignal)
                    return error("interrupted");
                signalled_ = signalled_.value_or(now);
                if (!has_asked_)
                    ask_to_end();
            }
            if ((waiting[2].revents & (POLLERR | POLLHUP)) != 0)
                return Ok{};
            if (waiting[0].revents == 0)
                continue;
            const ssize_t size = recv(connection_, chunk.data(), chunk.size(), 0);
            if (size < 0 && errno == EINTR)
                continue;
            if (size < 0)
                return error("the connection to vxd broke: {}", std::strerror(errno));
            if (size == 0)
                return dropped_ || is_closed_ ? Result<>{Ok{}} : error("vxd ended in the middle of the capture");
            if (auto taken = take({chunk.data(), static_cast<std::size_t>(size)}); !taken)
                return taken;
            if (is_closed_)
                return Ok{};
        }
    }

    std::string summary() const
    {
        return fmt::format("{} packets captured\n{} packets dropped by capture\n", output_.packets(),
                           dropped_ ? std::to_string(*dropped_) : "an unknown number of");
    }

private:
    void ask_to_end()
    {
        has_asked_ = true;
        shutdown(connection_, SHUT_WR);
    }

    Result<> take(std::string_view bytes)
    {
        reader_.add(bytes);
        while (const auto block = reader_.next()) {
            if (block->type == pcapng::kStatistics)
                dropped_ = dropped_of(*block);
            if (block->type == pcapng::kPacket && has_enough())
                continue;                  // they were on their way
            if (is_one_too_many(*block)) { // so nothing more becomes of those before it
                if (!has_asked_)
                    ask_to_end();
                continue;
            }
            const auto written = output_.write(*block);
            if (!written)
                return written.error();
            is_closed_ = is_closed_ || !*written;
            if (block->type == pcapng::kPacket && has_enough())
                ask_to_end();
        }
        return reader_.is_broken() ? Result<>{error("what vxd sends is not pcapng")} : Result<>{Ok{}};
    }

    bool has_enough() const { return !is_trace_ && count_ && output_.packets() >= *count_; }
    // Of a trace: as many packets as were wanted. More of the last one may come.
    bool is_complete() const { return is_trace_ && count_ && ids_.size() >= *count_; }
    bool is_one_too_many(const Block& block)
    {
        const auto packet = is_trace_ ? read_packet(block) : std::nullopt;
        return packet && !ids_.contains(packet->id) && (is_complete() || !ids_.insert(packet->id).second);
    }

    const int connection_;
    CaptureOutput output_;
    const std::optional<std::uint64_t> count_;
    const bool is_trace_;
    std::set<std::uint64_t> ids_; // of the packets of a trace
    const FileDescriptor signals_;
    BlockReader reader_;
    std::optional<std::uint64_t> dropped_;
    bool has_asked_ = false;                                         // vxd to end the stream
    std::optional<std::chrono::steady_clock::time_point> signalled_; // for the first time
    bool is_closed_ = false;                                         // stdout
};

} // namespace

int run_capture(const CaptureInvocation& invocation, const std::string& socket_path)
{
    Request request;
    request.id = 1;
    request.commands.add(invocation.words);
    auto client = Client::stream(std::move(request), socket_path);
    if (!client)
        return fail(client.error());
    auto output = CaptureOutput::open(invocation);
    if (!output)
        return fail(output.error());
    Reading reading(client->fd(), *std::move(output), invocation);
    const auto ran = reading.run(client->take_rest());
    std::fputs(reading.summary().c_str(), stderr);
    return ran ? kDone : fail(ran.error());
}

} // namespace vx
