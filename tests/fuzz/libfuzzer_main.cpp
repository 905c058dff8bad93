// SPDX-License-Identifier: BSD-3-Clause
// libFuzzer's entry into the target that meson.build names in VXD_FUZZ_TARGET.
#include "tests/fuzz/target.h"

// libFuzzer's name for it, and it declares it nowhere.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size); // NOLINT

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    vx::fuzz::VXD_FUZZ_TARGET({data, size});
    return 0;
}
