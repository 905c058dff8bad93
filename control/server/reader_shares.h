// SPDX-License-Identifier: BSD-3-Clause
// How much of the control thread those get who may only look: all of them together at most half of it, so that between
// two of their requests there is as much time for everything else as the first one took. Of those who wait, the user
// goes first who has taken least lately.
#pragma once

#include <sys/types.h>

#include <algorithm>
#include <chrono>
#include <unordered_map>

namespace vx
{

class ReaderShares
{
public:
    using Time = std::chrono::steady_clock::time_point;
    using Duration = Time::duration;

    // From when on a request may begin. What is short costs nobody a wait.
    Time begin() const { return busy_until_ - kFree; }
    // A request of that user took so long, until `now`.
    void charge(uid_t user, Duration took, Time now)
    {
        busy_until_ = std::max(busy_until_, now - took) + 2 * took;
        std::erase_if(users_, [now](const auto& entry) { return entry.second <= now; });
        Time& until = users_.try_emplace(user, now).first->second;
        until += kRemembered * took;
    }
    // Whoever has less of it goes first.
    Time debt(uid_t user) const
    {
        const auto found = users_.find(user);
        return found == users_.end() ? Time{} : found->second;
    }

private:
    static constexpr std::chrono::milliseconds kFree{5};
    static constexpr int kRemembered = 8; // times as long as it took

    Time busy_until_{};
    std::unordered_map<uid_t, Time> users_; // until when what they took is remembered
};

} // namespace vx
