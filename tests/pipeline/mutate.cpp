// SPDX-License-Identifier: BSD-3-Clause
#include "tests/pipeline/mutate.h"

#include <algorithm>
#include <array>
#include <random>

namespace vx::test
{

namespace
{

constexpr std::size_t kHeaders = 130; // bytes; what lies behind is payload to everybody

class Mutator
{
public:
    explicit Mutator(std::uint64_t seed) : random_(seed) {}

    void mutate(Frame& frame, MbufShape& shape)
    {
        for (std::size_t times = 1 + below(3); times != 0; --times)
            spoil(frame);
        if (below(4) == 0)
            shape.first_segment = below(kHeaders);
        if (below(8) == 0)
            shape.headroom = below(129);
        // A frame that is no longer what it was has no pseudo header to be found.
        if (shape.is_partial || below(8) == 0) {
            constexpr std::array<std::uint16_t, 6> kCommon = {6, 16, 34, 54, 84, 124};
            const auto common = [&] { return below(2) == 0 ? kCommon[below(kCommon.size())] : word(); };
            shape.note = MbufNote{.checksum_start = common(), .checksum_offset = common()};
            if (shape.gso_size != 0 || below(2) == 0) {
                shape.note->gso = static_cast<Gso>(below(4));
                shape.note->gso_size = below(4) == 0 ? word() : std::uint16_t{500};
                shape.note->outer_size = below(2) == 0 ? std::uint8_t{0} : std::uint8_t{50};
            }
        }
    }

private:
    std::size_t below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>{0, limit - 1}(random_); }

    std::uint16_t word()
    {
        constexpr std::array<std::uint16_t, 12> kEdges = {0,  1,      7,      8,      14,     20,
                                                          34, 0x7fff, 0x8000, 0xff00, 0xfffe, 0xffff};
        return below(2) == 0 ? kEdges[below(kEdges.size())] : static_cast<std::uint16_t>(below(0x10000));
    }

    void spoil(Frame& frame)
    {
        const std::size_t reach = std::min(frame.size(), kHeaders);
        switch (below(6)) {
        case 0:
            frame.resize(below(frame.size() + 1));
            return;
        case 1:
            frame.resize(frame.size() + below(300), std::byte{0x5a});
            return;
        case 2:
            if (reach >= 2) {
                const std::size_t at = below(reach - 1);
                const std::uint16_t value = word();
                frame[at] = static_cast<std::byte>(value >> 8);
                frame[at + 1] = static_cast<std::byte>(value);
            }
            return;
        default:
            if (reach != 0)
                frame[below(reach)] ^= static_cast<std::byte>(1U << below(8));
            return;
        }
    }

    std::mt19937_64 random_;
};

} // namespace

void mutate(Case& test_case, std::uint64_t seed)
{
    test_case.is_checked = false;
    Mutator mutator{seed};
    for (Step& step : test_case.steps)
        for (Injection& injection : step.injections)
            for (std::size_t i = 0; i < injection.frames.size(); ++i)
                mutator.mutate(injection.frames[i], injection.shapes[i]);
}

} // namespace vx::test
