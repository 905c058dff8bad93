// SPDX-License-Identifier: BSD-3-Clause
// The kinds of ports that vxd can open, as data: one row a kind, with the options of its `link add` command.
#pragma once

#include "dataplane/base/result.h"
#include "dataplane/net/mac.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace vx
{

class Port;
class MbufPool;

struct PortOption {
    enum class Type : std::uint8_t { kText, kFile, kInterface, kNetns, kCount, kPciAddress, kFlag, kChoice };
    std::string_view name; // the word on the command line; "": the value stands alone, behind the kind
    Type type = Type::kText;
    bool is_required = false;
    std::string_view
        expected;          // what its value looks like, for help and errors: "IFACE", "0000:81:00.0", "client|server"
    std::uint32_t max = 0; // kCount: min..max
    std::uint32_t min = 1;
};

// A port as configuration asks for it; every value is checked against the kind's options before.
struct PortSpec {
    std::string name; // of the link
    std::string_view kind;
    std::map<std::string, std::string, std::less<>> options; // a flag has the value ""
    std::optional<Mac> mac;
    std::optional<std::uint16_t> mtu;

    std::string_view option(std::string_view option_name) const // "" where it was not given
    {
        const auto found = options.find(option_name);
        return found == options.end() ? std::string_view{} : std::string_view{found->second};
    }
    bool has(std::string_view option_name) const { return options.contains(option_name); }
    friend bool operator==(const PortSpec&, const PortSpec&) = default;
};

struct PortContext {
    MbufPool& pool;
    std::uint16_t worker_count; // transmit queues wanted
};

struct OpenedPort {
    std::unique_ptr<Port> port;
    std::string warning; // for the user who added it; empty if there is nothing to say
};

struct PortKind {
    std::string_view name;
    std::string_view summary; // one line: what it connects to
    std::span<const PortOption> options;
    Result<OpenedPort> (*open)(const PortSpec&, const PortContext&);
    bool has_own_mac = true; // false: its device's is made up at every start, unless one is given
    // What it attaches to and may lose, in a word: a port that is gone is opened again when that is there. Without a
    // word only when it is asked for.
    std::string_view attaches_to = {};
    // Whether what it needs is there now: an interface, a server; for an interface of its own, a place. None: not
    // known.
    bool (*can_attach)(const PortSpec&) = nullptr;
};

std::span<const PortKind> port_kinds();
const PortKind* find_port_kind(std::string_view name);
// Whether a port that is gone could be opened again now, as far as that can be told.
bool can_attach(const PortSpec& spec);
// Whether both would be ends of one interface of the kernel: each would get the other's frames, or half of them. Or of
// one memif socket.
bool share_interface(const PortSpec& one, const PortSpec& other);
// "dev IFACE [ queues N ]", from the kind's options.
std::string usage_of(const PortKind& kind);

} // namespace vx
