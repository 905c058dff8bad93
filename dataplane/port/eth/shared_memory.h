// SPDX-License-Identifier: BSD-3-Clause
// Memory that a port shares with its other end, which made the file that it lies in and can make that file shorter at
// any moment. Whoever reads or writes there then gets SIGBUS: a worker in the midst of a burst, or the thread that
// serves vhost-user's sockets. The handler puts zeros in the memory's place, so that the thread goes on with what looks
// like an idle guest, and marks the port, which is closed after. Any other SIGBUS ends the process, as it did.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace vx
{

class SharedMemory
{
public:
    // `socket`: the path by which the other end came, and by which the port is known to who serves the sockets. The
    // first one puts the handler into place.
    explicit SharedMemory(std::string socket);
    ~SharedMemory();
    SharedMemory(const SharedMemory&) = delete;
    SharedMemory& operator=(const SharedMemory&) = delete;

    // The calling thread touches this memory, or none if there is none, until the Access ends.
    class Access
    {
    public:
        explicit Access(SharedMemory& memory) noexcept
        {
            touched_ = &memory;
            std::atomic_signal_fence(std::memory_order_seq_cst);
        }
        Access(const Access&) = delete;
        ~Access()
        {
            std::atomic_signal_fence(std::memory_order_seq_cst);
            touched_ = nullptr;
        }
    };

    // As long as it exists, DPDK may take away sessions that are not those of the thread that serves the sockets.
    class Closing
    {
    public:
        Closing() noexcept;
        Closing(const Closing&) = delete;
        ~Closing();
    };

    bool is_lost() const noexcept { return faults_.load(std::memory_order_relaxed) != 0; }
    std::uint64_t faults() const noexcept { return faults_.load(std::memory_order_relaxed); }

    // Any thread's handler. False if the address lies in no memory that somebody shares with us.
    static bool mend(std::uintptr_t address) noexcept;

private:
    void lose() noexcept { faults_.fetch_add(1, std::memory_order_relaxed); }
    static void blame_socket_of(std::uintptr_t address) noexcept;

    static constinit thread_local SharedMemory* touched_;

    const std::string socket_;
    std::atomic<std::uint64_t> faults_{0};
};

} // namespace vx
