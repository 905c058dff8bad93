// SPDX-License-Identifier: BSD-3-Clause
// vxd as the exporter sees it: asked once a scrape, on a connection of its own.
#pragma once

#include "tools/exporter/snapshot.h"

#include <chrono>
#include <optional>
#include <string>

namespace vx::exporter
{

// Less than Prometheus waits for a page (scrape_timeout is 10 s unless it is set).
inline constexpr std::chrono::seconds kPatience{5};

// What vxd has counted; nothing where no vxd listens.
Result<std::optional<Snapshot>> ask(const std::string& socket_path);

} // namespace vx::exporter
