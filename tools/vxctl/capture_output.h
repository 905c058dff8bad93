// SPDX-License-Identifier: BSD-3-Clause
// Where captured packets go: lines on a terminal, pcapng on another stdout or into a file, or a ring of files.
#pragma once

#include "tools/vxctl/blocks.h"
#include "tools/vxctl/capture.h"

#include "dataplane/base/file_descriptor.h"

#include <string>
#include <vector>

namespace vx
{

class CaptureOutput
{
public:
    static Result<CaptureOutput> open(const CaptureInvocation& invocation);

    // False: whoever reads stdout has had enough. Errors are of the file.
    Result<bool> write(const Block& block);
    std::uint64_t packets() const { return packets_; }
    bool is_stdout() const { return name_.empty(); }

private:
    enum class Kind : std::uint8_t { kLines, kPcapng };

    CaptureOutput(Kind kind, const CaptureInvocation& invocation)
        : kind_(kind), name_(invocation.file), file_bytes_(invocation.file_bytes), file_count_(invocation.file_count)
    {
    }
    Result<> open_file();
    std::string file_name() const;
    Result<bool> write_bytes(std::string_view bytes);

    Kind kind_;
    std::string name_;
    std::uint64_t file_bytes_;
    std::uint64_t file_count_;
    FileDescriptor file_;
    std::uint64_t file_number_ = 0;
    std::uint64_t written_ = 0;           // bytes of the file at hand
    std::string preamble_;                // section and interfaces: what each file begins with
    std::vector<std::string> interfaces_; // names
    std::uint64_t packets_ = 0;
};

} // namespace vx
