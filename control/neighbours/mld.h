// SPDX-License-Identifier: BSD-3-Clause
// Multicast Listener Discovery as bytes: the queries that vxd reads and the reports that it sends, of MLDv2 (RFC 3810)
// and of MLDv1 (RFC 2710), which an older querier understands alone.
#pragma once

#include "control/neighbours/frames.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace vx
{

enum class MldVersion : std::uint8_t { kV1 = 1, kV2 = 2 };

struct MldQuery {
    MldVersion version = MldVersion::kV2;
    std::int64_t max_delay_ms = 0; // of the answer
    IpAddress group;               // ::, a General Query; else who listens to this one
};
// A query as RFC 3810 section 6.2 has it: by a link-local neighbour, with Router Alert, right lengths and checksum.
std::optional<MldQuery> parse_mld_query(Bytes frame);

// What is said of one group. vxd listens to all sources or to none: the lists of sources are empty.
struct GroupRecord {
    enum class Type : std::uint8_t { // RFC 3810 section 5.2.12
        kIsExclude = 2,              // we listen
        kToInclude = 3,              // no more
        kToExclude = 4,              // from now on
    };
    Type type;
    IpAddress group;
    friend bool operator==(const GroupRecord&, const GroupRecord&) = default;
};
// `from.address` is link-local, or :: where there is none.
std::vector<std::byte> mld2_report(const Station& from, std::span<const GroupRecord> records);
std::vector<std::byte> mld1_report(const Station& from, const GroupRecord& record); // a Report or a Done

} // namespace vx
