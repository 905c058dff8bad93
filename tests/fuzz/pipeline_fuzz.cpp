// SPDX-License-Identifier: BSD-3-Clause
// The whole of vxd with frames that somebody else made: an underlay port, two containers, both of the tutorial's
// schemes, and the control thread behind them (ARP, ND, ping, resolving, learning). An input is a list of frames, each
// with five bytes in front: port and shape, two bytes for the shape, the size.
#include "tests/fuzz/pipeline_host.h"

#include <algorithm>

namespace vx::fuzz
{

namespace
{

using namespace vx::test;

constexpr std::size_t kMaxFrames = 64;

} // namespace

void pipeline(Input input)
{
    constexpr std::size_t kPrefix = 5;
    PipelineHost& host = PipelineHost::the();
    for (std::size_t frames = 0; frames < kMaxFrames && input.size() >= kPrefix; ++frames) {
        const std::uint8_t control = input[0];
        MbufShape shape;
        shape.buffers = MbufShape::Buffers::kExact;
        if ((control & 4) != 0)
            shape.first_segment = input[1];
        if ((control & 8) != 0)
            shape.note = MbufNote{.checksum_start = input[1],
                                  .checksum_offset = input[2],
                                  .gso = static_cast<Gso>((control >> 5) & 3),
                                  .outer_size = static_cast<std::uint8_t>((control & 128) != 0 ? 50 : 0),
                                  .gso_size = static_cast<std::uint16_t>(input[3] * 3U)};
        if ((control & 16) != 0)
            shape.headroom = input[2];
        const std::size_t size = std::min<std::size_t>(input[3] + input[4] * std::size_t{256}, input.size() - kPrefix);
        host.receive(control % PipelineHost::kPorts, input.subspan(kPrefix, size), shape);
        input = input.subspan(kPrefix + size);
    }
    host.check();
}

} // namespace vx::fuzz
