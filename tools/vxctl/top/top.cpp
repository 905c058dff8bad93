// SPDX-License-Identifier: BSD-3-Clause
#include "tools/vxctl/top/top.h"

#include "tools/vxctl/top/feed.h"
#include "tools/vxctl/top/lines.h"
#include "tools/vxctl/top/screen.h"
#include "tools/vxctl/top/view.h"

#include "tools/vxctl/signals.h"
#include "tools/vxctl/terminal.h"

#include <fmt/chrono.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <thread>

namespace vx::top
{

namespace
{

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kFirstInterval{250}; // so that a screen has something on it soon
constexpr milliseconds kPatience{2000};     // with an answer, before the screen says that there is none

std::tm local_time()
{
    return fmt::localtime(std::time(nullptr));
}

// ---- lines -----------------------------------------------------------------------------------------------------

std::string printed(Output output, const Rates& rates)
{
    if (output == Output::kText)
        return text_of(rates, fmt::format("{:%Y-%m-%d %H:%M:%S}", local_time()));
    const Json json = json_of(rates, fmt::format("{:%Y-%m-%dT%H:%M:%S}", local_time()));
    return json.dump(output == Output::kPrettyJson ? 4 : -1) + '\n';
}

// Who has lost vxd has a script to tell, which starts this again if it wants to.
int print_lines(const Invocation& invocation, Feed feed)
{
    const auto look = [&]() -> Result<Sample> {
        auto sample = feed.look(invocation.wanted);
        if (sample && invocation.wanted == Wanted::kWithVteps && !sample->vteps)
            return error("top: VTEPs: {}", sample->vteps_refused);
        return sample;
    };
    auto before = look();
    if (!before)
        return fail(before.error());
    for (std::uint64_t looks = 0; !invocation.count || looks < *invocation.count; ++looks) {
        std::this_thread::sleep_until(before->when + invocation.interval);
        auto now = look();
        if (!now)
            return fail(now.error());
        const int status = print(STDOUT_FILENO, printed(invocation.output, rates_of(*before, *now)));
        if (status != kDone)
            return errno == EPIPE ? kDone : status; // who has read enough, as `| head`, is no trouble
        before = std::move(now);
    }
    return kDone;
}

// ---- the screen ------------------------------------------------------------------------------------------------

// ncurses' handlers of these run only while we wait, so that none comes between a look at the size and the wait.
sigset_t hold_back_terminal_signals()
{
    sigset_t held;
    sigemptyset(&held);
    sigaddset(&held, SIGWINCH);
    sigaddset(&held, SIGTSTP);
    sigset_t before;
    sigprocmask(SIG_BLOCK, &held, &before);
    return before;
}

class Session
{
public:
    Session(const Invocation& invocation, const std::string& socket_path, Feed feed, Screen screen,
            FileDescriptor signals)
        : count_(invocation.count), feed_(std::move(feed)), screen_(std::move(screen)), signals_(std::move(signals)),
          mask_(hold_back_terminal_signals()), view_(socket_path, invocation.interval, invocation.wanted)
    {
    }

    // Until a key, a signal, the terminal's end or the last of the looks ends it.
    void run()
    {
        while (!has_ended_) {
            const Clock::time_point now = Clock::now();
            if (now >= next_ && !feed_.is_waiting())
                ask(now);
            if (feed_.is_waiting() && now - asked_ >= kPatience)
                view_.set_trouble(fmt::format("vxd has not answered for {} s",
                                              std::chrono::duration_cast<std::chrono::seconds>(now - asked_).count()));
            screen_.show(view_.draw(screen_.size()));
            wait();
            while (const auto key = screen_.key())
                press(*key);
        }
    }

private:
    void ask(Clock::time_point now)
    {
        if (const auto asked = feed_.ask(view_.wanted()); !asked)
            lose(asked.error());
        asked_ = now;
        next_ = std::max(next_ + view_.interval(), now); // looks that were missed are not made up for
    }

    void wait()
    {
        std::array<pollfd, 3> waiting{pollfd{STDIN_FILENO, POLLIN, 0}, pollfd{signals_.get(), POLLIN, 0},
                                      pollfd{feed_.fd(), POLLIN, 0}};
        const auto until = feed_.is_waiting() ? Clock::now() + std::chrono::seconds(1) : next_;
        const auto left = std::max(Clock::duration::zero(), until - Clock::now());
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
        const timespec limit{seconds.count(), std::chrono::nanoseconds(left - seconds).count()};
        if (ppoll(waiting.data(), waiting.size(), &limit, &mask_) <= 0)
            return; // time to look, or ncurses has seen a new size
        if ((waiting[0].revents & (POLLHUP | POLLERR)) != 0 || waiting[1].revents != 0)
            has_ended_ = true;
        if (waiting[2].revents != 0)
            receive();
    }

    void receive()
    {
        auto sample = feed_.receive();
        if (!sample)
            return lose(sample.error());
        if (!*sample)
            return;
        view_.set_trouble("");
        if (before_) {
            view_.take(rates_of(*before_, **sample), fmt::format("{:%H:%M:%S}", local_time()));
            has_ended_ = ++looks_ == count_;
        } else {
            next_ = std::min(next_, (*sample)->when + kFirstInterval);
        }
        before_ = **std::move(sample);
    }

    // A vxd that comes back counts from zero.
    void lose(const Error& failure)
    {
        view_.set_trouble(fmt::format("{}; trying again", failure.message));
        before_.reset();
    }

    void press(int key)
    {
        const auto interval = view_.interval();
        const Wanted wanted = view_.wanted();
        view_.press(key, screen_.size());
        if (view_.interval() != interval)
            next_ = std::min(next_, Clock::now() + view_.interval());
        if (view_.wanted() != wanted)
            next_ = Clock::now(); // what is new begins at once
        has_ended_ = has_ended_ || view_.has_ended();
    }

    const std::optional<std::uint64_t> count_;
    Feed feed_;
    Screen screen_;
    const FileDescriptor signals_;
    const sigset_t mask_; // while waiting
    View view_;
    std::optional<Sample> before_;
    Clock::time_point next_ = Clock::now();
    Clock::time_point asked_;
    std::uint64_t looks_ = 0;
    bool has_ended_ = false;
};

} // namespace

int run(const Invocation& invocation, const std::string& socket_path)
{
    auto feed = Feed::connect(socket_path);
    if (!feed)
        return fail(feed.error());
    if (invocation.output != Output::kScreen)
        return print_lines(invocation, *std::move(feed));
    FileDescriptor signals = watch_ending_signals(); // before the terminal is changed, for they end the program
    auto screen = Screen::open();
    if (!screen)
        return fail(screen.error());
    Session(invocation, socket_path, *std::move(feed), *std::move(screen), std::move(signals)).run();
    return kDone;
}

} // namespace vx::top
