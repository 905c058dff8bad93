// SPDX-License-Identifier: BSD-3-Clause
// Frames with the header that a TAP's kernel, or a guest, puts in front of them, each of its fields as somebody else
// made it. An input is a list of frames, each with a byte for the port, two for its size, and the header in front.
#include "tests/fuzz/pipeline_host.h"

#include <algorithm>

namespace vx::fuzz
{

void vnet_header(Input input)
{
    constexpr std::size_t kMaxFrames = 16;
    constexpr std::size_t kPrefix = 3 + sizeof(VnetHeader);
    PipelineHost& host = PipelineHost::the();
    test::MbufShape shape;
    shape.buffers = test::MbufShape::Buffers::kExact;
    for (std::size_t frames = 0; frames < kMaxFrames && input.size() >= kPrefix; ++frames) {
        VnetHeader header;
        std::memcpy(&header, input.data() + 3, sizeof(header));
        shape.first_segment.reset();
        if ((input[0] & 0x80) != 0) // a large frame lies in several buffers
            shape.first_segment = (input[0] & 0x40) != 0 ? 1984 : 256;
        const std::size_t size = std::min<std::size_t>(input[1] + input[2] * std::size_t{256}, input.size() - kPrefix);
        host.receive((input[0] & 0x3f) % PipelineHost::kPorts, input.subspan(kPrefix, size), shape, &header);
        input = input.subspan(kPrefix + size);
    }
    host.check();
}

} // namespace vx::fuzz
