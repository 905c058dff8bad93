// SPDX-License-Identifier: BSD-3-Clause
// A network interface of the kernel: control-thread questions and settings. It is this interface, whatever it is called
// by now, and never a later one of the same name. The socket that carries the questions belongs to the interface's
// namespace, so every thread may ask, and keeps that namespace alive.
#pragma once

#include "dataplane/base/file_descriptor.h"
#include "dataplane/base/result.h"
#include "dataplane/net/ip.h"
#include "dataplane/net/mac.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct ifreq;

namespace vx
{

// As the kernel's dev_valid_name, and without what would confuse those who read it.
Result<> check_interface_name(std::string_view name);

// Frames that the interface of this name, in the calling thread's namespace, was given to send and dropped.
Result<std::uint64_t> dropped_by(const std::string& name);

class Netns;

class KernelInterface
{
public:
    // In the network namespace of the calling thread.
    static Result<KernelInterface> find(std::string_view name);
    static bool exists(std::string_view name);

    const std::string& name() const { return name_; } // that it was found by
    unsigned index() const { return index_; }
    bool is_there() const; // neither deleted nor moved to another namespace
    Result<std::uint16_t> mtu() const;
    Result<Mac> mac() const;
    bool is_up() const; // administratively; false if it is gone
    bool is_loopback() const;
    bool is_promiscuous() const; // because somebody asked for it by the flag
    bool has_carrier() const;    // up, and somebody at the other end
    std::string driver() const;  // "veth"; empty if it does not say
    struct Queues {
        unsigned combined = 0, rx = 0, tx = 0; // in use; rx and tx are those besides the combined ones
    };
    std::optional<std::vector<IpAddress>> addresses() const; // that the kernel has on it
    Queues queues() const;                                   // one combined queue if it does not say
    Result<> set_mtu(std::uint16_t mtu);
    Result<> set_mac(const Mac& mac);
    // Moves it into the namespace, renames it and brings it up. This object is of no use after, if it moved.
    Result<> bring_up(const Netns& netns, const std::string& name);
    // For an interface that is the user's: takes part in all multicast, as vxd's own addresses have groups that the
    // kernel has not joined. An MTU or a MAC that is set from then on is taken back when this object ends, unless
    // somebody else has set another meanwhile.
    Result<> borrow();

private:
    struct Loan;
    KernelInterface(FileDescriptor socket, std::string name, unsigned index)
        : socket_(std::move(socket)), name_(std::move(name)), index_(index)
    {
    }
    bool request(unsigned long code, ifreq& argument) const;
    short flags() const; // 0 if it is gone

    FileDescriptor socket_; // bound to the interface
    std::string name_;
    unsigned index_;
    std::shared_ptr<Loan> loan_; // what borrow() gives back when it ends
};

} // namespace vx
