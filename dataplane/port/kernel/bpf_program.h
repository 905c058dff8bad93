// SPDX-License-Identifier: BSD-3-Clause
// Writes programs for the kernel's classic BPF (Documentation/networking/filter.rst).
#pragma once

#include <linux/filter.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace vx
{

// In classic BPF: what is loaded is compared, and said yes or no to. A load behind the frame's end says no (0).
class BpfProgram
{
public:
    void byte(std::uint32_t at) { add(BPF_LD | BPF_B | BPF_ABS, at); }
    void half(std::uint32_t at) { add(BPF_LD | BPF_H | BPF_ABS, at); }
    void word(std::uint32_t at) { add(BPF_LD | BPF_W | BPF_ABS, at); }
    void skip_ipv4_header(std::uint32_t l3) { add(BPF_LDX | BPF_B | BPF_MSH, l3); } // for the next three
    // The same, with a hop-by-hop header in place of it, which has to be there beside.
    void skip_options_v6(std::uint32_t l4)
    {
        byte(l4 + 1); // in units of 8 bytes, the first not counted
        add(BPF_ALU | BPF_LSH | BPF_K, 3);
        add(BPF_MISC | BPF_TAX, 0);
    }
    void byte_behind(std::uint32_t at) { add(BPF_LD | BPF_B | BPF_IND, at); }
    void half_behind(std::uint32_t at) { add(BPF_LD | BPF_H | BPF_IND, at); }
    void word_behind(std::uint32_t at) { add(BPF_LD | BPF_W | BPF_IND, at); }
    // With what was loaded.
    void calculate(int operation, std::uint32_t value) { add(BPF_ALU | operation | BPF_K, value); }
    void answer(std::uint32_t value) { add(BPF_RET | BPF_K, value); }
    void answer() { add(BPF_RET | BPF_A, 0); } // what was loaded
    void accept() { answer(0xffffffff); }
    void refuse() { answer(0); }
    // The next instruction is for what was loaded if it is the value, or is not, or has one of the bits.
    void if_is(std::uint32_t value, std::uint8_t otherwise = 1) { add(BPF_JMP | BPF_JEQ | BPF_K, value, 0, otherwise); }
    void if_not(std::uint32_t value) { add(BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0); }
    void if_any(std::uint32_t bits) { add(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1); }

    using Place = std::size_t;
    // Leaves a jump, which lands where land() is called.
    Place jump()
    {
        add(BPF_JMP | BPF_JA, 0);
        return code_.size() - 1;
    }
    void land(Place jump) { code_[jump].k = static_cast<std::uint32_t>(code_.size() - jump - 1); }
    void land(std::span<const Place> jumps)
    {
        for (const Place jump : jumps)
            land(jump);
    }
    std::size_t size() const { return code_.size(); }
    std::vector<sock_filter> take() { return std::move(code_); }

private:
    void add(int code, std::uint32_t value, std::uint8_t if_true = 0, std::uint8_t if_false = 0)
    {
        code_.push_back({static_cast<std::uint16_t>(code), if_true, if_false, value});
    }
    std::vector<sock_filter> code_;
};

} // namespace vx
