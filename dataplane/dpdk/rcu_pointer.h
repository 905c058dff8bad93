// SPDX-License-Identifier: BSD-3-Clause
// An immutable value that the control thread replaces as a whole while workers read it.
#pragma once

#include "dataplane/dpdk/qsbr.h"

#include <atomic>
#include <memory>

namespace vx
{

template <typename T>
class RcuPointer
{
public:
    explicit RcuPointer(Qsbr& qsbr) : qsbr_(qsbr) {}
    RcuPointer(const RcuPointer&) = delete;
    RcuPointer& operator=(const RcuPointer&) = delete;
    ~RcuPointer() { delete current_.load(std::memory_order_acquire); } // no reader is left

    // Workers, once per loop turn; the value lives until the turn's end. Precondition: something was published.
    const T& read() const noexcept { return *current_.load(std::memory_order_acquire); }

    // Control thread. Returns when no worker reads the old value any more.
    void publish(std::unique_ptr<const T> next)
    {
        const T* old = current_.exchange(next.release(), std::memory_order_acq_rel);
        qsbr_.synchronize();
        delete old;
    }

private:
    Qsbr& qsbr_;
    std::atomic<const T*> current_{nullptr};
};

} // namespace vx
