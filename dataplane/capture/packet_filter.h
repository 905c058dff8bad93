// SPDX-License-Identifier: BSD-3-Clause
// A compiled pcap-filter(7) expression: code of the BSD packet filter, as pcap_compile() makes it. It was compiled by
// whoever asks for the capture, so that a name that has to be looked up keeps nobody else waiting; here it is checked,
// then run by libpcap's interpreter, which reads only the code and the frame: any number of threads may do so at a
// time.
#pragma once

#include "dataplane/base/result.h"
#include "dataplane/net/parse.h"

#include <pcap/bpf.h>

#include <cstdint>
#include <string_view>
#include <vector>

namespace vx
{

class PacketFilter
{
public:
    PacketFilter() = default; // lets every frame pass

    // "2,40 0 0 12,6 0 0 65535": how many instructions, then of each code, jt, jf and k; what `tcpdump -ddd` prints, in
    // one line. Errors: code that reads beyond its memory, or might not end.
    static Result<PacketFilter> parse(std::string_view text);

    // `head` is the frame, or the beginning of one of `size` bytes.
    bool matches(Bytes head, std::size_t size) const noexcept;

private:
    std::vector<bpf_insn> code_;
};

} // namespace vx
