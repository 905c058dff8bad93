// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/dpdk/qsbr.h"

#include <rte_pause.h>

#include <sched.h>

#include <new>

namespace vx
{

Qsbr::Qsbr(std::size_t worker_count)
{
    const auto count = static_cast<std::uint32_t>(worker_count == 0 ? 1 : worker_count);
    const std::size_t size = rte_rcu_qsbr_get_memsize(count);
    state_.reset(static_cast<rte_rcu_qsbr*>(std::aligned_alloc(RTE_CACHE_LINE_SIZE, size)));
    if (state_ == nullptr || rte_rcu_qsbr_init(state_.get(), count) != 0)
        throw std::bad_alloc{};
}

void Qsbr::synchronize() noexcept
{
    constexpr unsigned kSpins = 64; // a busy worker's turn is a few microseconds
    const std::uint64_t token = rte_rcu_qsbr_start(state_.get());
    for (unsigned spin = 0; rte_rcu_qsbr_check(state_.get(), token, false) == 0; ++spin) {
        if (spin < kSpins)
            rte_pause();
        else
            sched_yield(); // the worker may share our CPU
    }
}

} // namespace vx
