// SPDX-License-Identifier: BSD-3-Clause
// What a capture's record says beside its frame, in words.
#pragma once

#include "dataplane/capture/record.h"

#include <functional>
#include <string>

namespace vx
{

// The decision, the far VTEP, or the reason; empty for a frame at a port.
std::string what_of(const CaptureRecord& record, const std::function<std::string(LinkId)>& name_of);

} // namespace vx
