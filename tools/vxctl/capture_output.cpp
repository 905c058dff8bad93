// SPDX-License-Identifier: BSD-3-Clause
#include "tools/vxctl/capture_output.h"

#include "control/wire/pcapng.h"
#include "tools/vxctl/describe.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace vx
{

Result<CaptureOutput> CaptureOutput::open(const CaptureInvocation& invocation)
{
    const bool is_terminal = invocation.file.empty() && isatty(STDOUT_FILENO) != 0;
    CaptureOutput output(is_terminal || (invocation.is_trace && invocation.file.empty()) ? Kind::kLines : Kind::kPcapng,
                         invocation);
    if (!output.name_.empty())
        if (auto opened = output.open_file(); !opened)
            return std::move(opened).error();
    return output;
}

// As tcpdump names them: FILE, FILE1, FILE2; of a ring FILE00, FILE01, with as many digits as the last one has.
std::string CaptureOutput::file_name() const
{
    if (file_bytes_ == 0)
        return name_;
    if (file_count_ == 0)
        return file_number_ == 0 ? name_ : fmt::format("{}{}", name_, file_number_);
    return fmt::format("{}{:0{}}", name_, file_number_, std::to_string(file_count_ - 1).size());
}

Result<> CaptureOutput::open_file()
{
    const std::string name = file_name();
    file_ = FileDescriptor(::open(name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!file_)
        return usage_error("capture: open {}: {}", name, std::strerror(errno));
    written_ = 0;
    return Ok{};
}

Result<bool> CaptureOutput::write_bytes(std::string_view bytes)
{
    written_ += bytes.size();
    while (!bytes.empty()) {
        const ssize_t size = ::write(file_ ? file_.get() : STDOUT_FILENO, bytes.data(), bytes.size());
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0 && errno == EPIPE && !file_)
            return false;
        if (size < 0)
            return error("capture: write {}: {}", file_ ? file_name() : "stdout", std::strerror(errno));
        bytes.remove_prefix(static_cast<std::size_t>(size));
    }
    return true;
}

Result<bool> CaptureOutput::write(const Block& block)
{
    if (block.type == pcapng::kSection || block.type == pcapng::kInterface)
        preamble_ += block.bytes;
    if (block.type == pcapng::kInterface)
        interfaces_.emplace_back(interface_name(block));
    const auto packet = read_packet(block);
    packets_ += packet ? 1 : 0;
    if (kind_ == Kind::kLines) {
        if (!packet)
            return true;
        return write_bytes(
            line_of(*packet, packet->interface < interfaces_.size() ? interfaces_[packet->interface] : "?"));
    }
    if (packet && file_bytes_ != 0 && written_ + block.bytes.size() > file_bytes_ && written_ > preamble_.size()) {
        file_number_ = file_count_ != 0 && file_number_ + 1 == file_count_ ? 0 : file_number_ + 1;
        if (auto opened = open_file(); !opened)
            return std::move(opened).error();
        if (auto begun = write_bytes(preamble_); !begun)
            return begun;
    }
    return write_bytes(block.bytes);
}

} // namespace vx
