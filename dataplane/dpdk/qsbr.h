// SPDX-License-Identifier: BSD-3-Clause
// Grace periods: the control thread learns when every worker has let go of what it read before. A worker reports at the
// end of a loop turn, and goes offline before it sleeps. Needs no EAL.
#pragma once

#include <rte_rcu_qsbr.h>

#include <cstdlib>
#include <memory>

namespace vx
{

class Qsbr
{
public:
    explicit Qsbr(std::size_t worker_count);

    // Control thread. A registered worker starts offline; it has to be offline to be unregistered.
    void register_worker(unsigned worker) { rte_rcu_qsbr_thread_register(state_.get(), worker); }
    void unregister_worker(unsigned worker) { rte_rcu_qsbr_thread_unregister(state_.get(), worker); }

    // The worker itself.
    void online(unsigned worker) noexcept { rte_rcu_qsbr_thread_online(state_.get(), worker); }
    void offline(unsigned worker) noexcept { rte_rcu_qsbr_thread_offline(state_.get(), worker); }
    void quiescent(unsigned worker) noexcept { rte_rcu_qsbr_quiescent(state_.get(), worker); }

    // Returns when every worker that is online now has been quiescent or offline once. Control thread; never a worker
    // that is online.
    void synchronize() noexcept;

private:
    struct Free {
        void operator()(rte_rcu_qsbr* state) const { std::free(state); }
    };

    std::unique_ptr<rte_rcu_qsbr, Free> state_;
};

} // namespace vx
