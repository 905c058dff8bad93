// SPDX-License-Identifier: BSD-3-Clause
// The options of `type vxlan`, as ip-link(8) has them: parsed the same way by link add and link set.
#pragma once

#include "control/grammar/words.h"
#include "control/model/model.h"
#include "control/transaction/transaction.h"

#include <cstdint>
#include <optional>
#include <string>

namespace vx
{

inline constexpr std::string_view kVxlanUsage = "vxlan id VNI { local ADDR | dev DEV } [ remote ADDR ] [ dstport PORT "
                                                "] [ [no]learning ] [ [no]udpcsum ] [ ttl TTL|auto ] "
                                                "[ tos HEX ] [ ageing SECONDS ]";

struct VxlanOptions {
    std::optional<Vni> id;
    std::optional<IpAddress> local, remote;
    std::optional<std::string> dev;
    std::optional<std::uint16_t> dstport;
    bool is_default_port = false; // "dstport 0" was said
    std::optional<bool> learning, udpcsum;
    std::optional<std::uint8_t> ttl, tos;
    std::optional<std::uint32_t> ageing;
};

// Takes the next word, and its value, if it is an option of a VXLAN device; false if it is not.
Result<bool> take_vxlan_option(Words& words, VxlanOptions& options);
// "dev": a port of the underlay, or the interface that such a port has taken. It has to have `local`; where that was
// not given, the address that it would ask `remote` from, or its first, becomes it.
Result<> resolve_device(const Transaction& transaction, const Words& words, VxlanOptions& options);
// Where "dstport 0" was said: the default that it asks for is not Linux's.
void warn_of_default_port(Transaction& transaction, const Words& words, const VxlanOptions& options);
// What vxd does anyway, and may be told: "df set, noproxy, ...".
std::string idle_vxlan_options();
// The error for a word that take_vxlan_option() left.
Error rejected_vxlan_option(Words& words);

// A new device's settings, with the kernel's defaults but for dstport, which is IANA's. The addresses are checked.
Result<VxlanSettings> vxlan_settings(const VxlanOptions& options, const Words& words);
// What `link set ... type vxlan` may change: learning, ageing, ttl, tos, udpcsum. The others may be said as they are.
Result<> change_vxlan(VxlanSettings& settings, const VxlanOptions& options, const Words& words);

// "id 100 local 192.0.2.1 ...", as `ip -d link show` prints it, and its info_data.
std::string vxlan_text(const VxlanSettings& settings);
nlohmann::ordered_json vxlan_json(const VxlanSettings& settings);

} // namespace vx
