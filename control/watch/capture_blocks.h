// SPDX-License-Identifier: BSD-3-Clause
// What a capture has recorded, as a pcapng section: an interface for each device, when it is first seen, and each
// packet with the reason, the decision or the far VTEP as its comment. Every text is of whole blocks.
#pragma once

#include "control/model/link_names.h"
#include "dataplane/capture/capture.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace vx
{

class CaptureBlocks
{
public:
    // The names outlive it.
    CaptureBlocks(const CaptureSpec& spec, const LinkNames& names)
        : names_(names), link_(spec.link), snaplen_(spec.snaplen)
    {
    }

    // What comes first. `name` is that of the first interface, which the counts at the end belong to.
    std::string begin(std::string_view name);
    std::string packet(const Capture::Seen& seen);
    static std::string end(std::uint64_t time_ns, std::uint64_t taken, std::uint64_t lost);

private:
    void append_interface(std::string& out, std::string_view name);
    std::uint32_t interface_of(LinkId link, std::string& out);

    const LinkNames& names_;
    const LinkId link_; // the first interface is its; none: nobody's
    const std::uint32_t snaplen_;
    std::map<LinkId, std::uint32_t> interfaces_; // their numbers in the section
    std::uint32_t interface_count_ = 0;
};

} // namespace vx
