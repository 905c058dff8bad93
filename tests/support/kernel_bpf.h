// SPDX-License-Identifier: BSD-3-Clause
// Runs programs of the kernel's classic BPF by libpcap's interpreter of the same instructions.
#pragma once

#include <catch2/catch.hpp>

#include <linux/filter.h>
#include <linux/if_packet.h>
#include <pcap/pcap.h>

#include <cstdint>
#include <span>
#include <vector>

namespace vx::test
{

// What the kernel knows of a frame beside its bytes.
struct KernelNotes {
    std::uint32_t protocol = 0;
    std::uint32_t packet_type = PACKET_HOST;
};

inline std::uint32_t run_bpf(std::span<const sock_filter> program, std::span<const std::uint8_t> bytes,
                             const KernelNotes& notes = {})
{
    std::vector<bpf_insn> same;
    for (const auto& [opcode, if_true, if_false, k] : program) {
        const bool is_note = BPF_CLASS(opcode) == BPF_LD && BPF_MODE(opcode) == BPF_ABS && k >= 0xfffff000U;
        if (!is_note)
            same.push_back({opcode, if_true, if_false, k});
        else if (k == static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_PROTOCOL))
            same.push_back({BPF_LD | BPF_IMM, 0, 0, notes.protocol});
        else if (k == static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_PKTTYPE))
            same.push_back({BPF_LD | BPF_IMM, 0, 0, notes.packet_type});
        else
            FAIL("a note that the test does not know");
    }
    REQUIRE(bpf_validate(same.data(), static_cast<int>(same.size())) != 0);
    const auto size = static_cast<unsigned>(bytes.size());
    return bpf_filter(same.data(), bytes.data(), size, size);
}

} // namespace vx::test
