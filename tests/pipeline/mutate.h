// SPDX-License-Identifier: BSD-3-Clause
// Spoils the frames of a case: bytes, lengths, pieces, notes. What comes of it is anybody's guess, but no buffer may be
// lost, no byte read that is not there, and the pipeline has to become quiet.
#pragma once

#include "tests/pipeline/case.h"

#include <cstdint>

namespace vx::test
{

void mutate(Case& test_case, std::uint64_t seed);

} // namespace vx::test
