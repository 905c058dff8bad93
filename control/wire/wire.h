// SPDX-License-Identifier: BSD-3-Clause
// The config protocol, the one header that vxd and vxctl share: JSON-RPC 2.0, one JSON text per line, on a UNIX
// stream socket.
//
//   -> {"jsonrpc":"2.0","id":1,"method":"run","params":{"commands":[["link","show"]],"atomic":true,"format":"text"}}
//   <- {"jsonrpc":"2.0","id":1,"result":{"outputs":["..."],"warnings":[]}}
//   <- {"jsonrpc":"2.0","id":1,"error":{"code":-32001,"message":"...","data":{"index":0,"kind":"usage",...}}}
//
// `run`: an atomic list of commands is one transaction. Without `atomic` every command is one of its own; the first
// that fails ends the list, those before it stay applied and their outputs come in the error's data; with `force`
// the list goes on, the outputs of what failed are null and the result lists them in `failures`.
// Instead of `commands` there may be a `script`, the text of a batch file, and `options`, words that each of its
// commands begins with. Its outputs are those that are not empty, and its errors also have the `line`, from 1, where
// the command begins.
// With `config` ("diff", "dry-run" or "apply") the commands are the whole configuration: not carried out on what there
// is, but compared with it, or put in its place. What would change is the one output, "-COMMAND" and "+COMMAND" a line,
// or {"removed":[[...]],"added":[[...]]}; "apply" has none.
// `stream` is a `run` of one command whose answer has no end (capture): behind the line with the result comes the
// stream itself, and the connection takes no further request.
// `ping` has no params; its result is {"version":"..."}.
#pragma once

#include "control/base/budget.h"
#include "control/wire/command_list.h"
#include "control/wire/outputs.h"
#include "dataplane/base/file_descriptor.h"
#include "dataplane/base/result.h"

#include <nlohmann/json.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vx
{

inline constexpr std::string_view kDefaultSocketPath = "/run/vxd/vxd.sock";
inline constexpr std::string_view kSocketPathVariable = "VXD_SOCKET"; // environment variable naming another path

// What a peer may send. A batch of a million commands is about 80 MB; nothing else comes near these bounds.
inline constexpr std::size_t kMaxRequestSize = std::size_t{256} << 20;
inline constexpr std::size_t kMaxReplySize = std::size_t{512} << 20;
inline constexpr std::size_t kMaxWordSize = 64 << 10;
inline constexpr std::size_t kMaxDepth = 8; // of JSON brackets; a run request needs 4

// The values of the member "config", in the order of Request::Config from kDiff on.
inline constexpr std::array<std::string_view, 3> kConfigNames = {"diff", "dry-run", "apply"};

// $VXD_SOCKET, else the default.
std::string default_socket_path();

// What a client is allowed. Not part of the protocol: the server knows who its client is.
enum class Role : std::uint8_t {
    kReader, // commands that only show something
    kAdmin,
};
// Who a client is, as far as that decides what it gets.
struct Identity {
    Role role = Role::kReader;
    std::uint32_t uid = 0;
};
enum class Format : std::uint8_t { kText, kJson };
enum class Method : std::uint8_t { kRun, kStream, kPing };
// What becomes of a list of commands when one of them fails.
enum class OnFailure : std::uint8_t {
    kUndoAll, // "atomic": all or nothing
    kStop,    // those before it stay applied
    kGoOn,    // "force": the others are applied
};

struct Request {
    // Whether the commands are the whole configuration, and what is to become of it.
    enum class Config : std::uint8_t { kNone, kDiff, kDryRun, kApply };

    nlohmann::ordered_json id; // a number or a string, as the client chose it
    Method method = Method::kRun;
    CommandList commands;
    std::vector<std::uint32_t> lines; // of a script: where each command begins, from 1; else empty
    OnFailure on_failure = OnFailure::kUndoAll;
    Format format = Format::kText;
    Config config = Config::kNone;
    Role role = Role::kAdmin;
    std::uint32_t uid = 0;                // of the client
    std::optional<std::int64_t> begin_ms; // of Budget::worked_ms(), when vxd began with it
};

struct Failure {
    std::size_t index = 0; // of the command
    Error error;
    std::size_t line = 0; // of a script, from 1; else 0
};

// Takes over a client's connection; `first` is to be written before all else. After an error, or what it throws, the
// connection is still the caller's. One that is not called leaves nothing behind.
using StreamTaker = std::function<Result<>(FileDescriptor& client, std::string first)>;

// What a `run` comes to. With kUndoAll and kStop there is at most one failure.
struct Response {
    Outputs outputs; // one a command: a string, or JSON; null where it failed
    std::vector<std::string> warnings;
    std::vector<Failure> failures;
    StreamTaker stream;      // who goes on with the connection; empty but for a `stream` that did not fail
    bool has_effect = false; // something was changed, also if something else failed
};

// JSON-RPC 2.0 section 5.1, and from -32000 on our own.
enum class RpcCode : int {
    kParseError = -32700,
    kInvalidRequest = -32600,
    kMethodNotFound = -32601,
    kInvalidParams = -32602,
    kInternalError = -32603,
    kUsage = -32001,   // a command that could not be understood, or names a device that there is not
    kRefused = -32002, // a command that was understood and refused
    kLimit = -32003,   // more of something than vxd takes
};

// A request that could not even be tried.
struct RpcError {
    RpcCode code = RpcCode::kInternalError;
    std::string message;
    nlohmann::ordered_json id; // null if it could not be read
    std::size_t line = 0;      // of a script that could not be split into words, from 1; else 0
};

using DecodedRequest = Result<Request, RpcError>;

// Strict: unknown members and wrong types are errors that name where they are ("params.commands[3][1]: expected a
// string"). Never recurses, whatever the nesting.
// Throws OverBudget; without a budget there is no bound.
DecodedRequest decode_request(std::string_view line);
DecodedRequest decode_request(std::string_view line, Budget& budget);

// All of these return one line with its '\n'. Bytes that are not UTF-8 become U+FFFD in replies, and are an error in
// requests.
Result<std::string> encode_request(const Request& request);
// The same with a script in place of the request's commands; only for what is_plain_script(). Its `options` are words
// without anything to escape.
Result<std::string> encode_request(const Request& request, std::string_view script, const CommandWords& options);
bool is_plain_script(std::string_view text); // of ASCII characters and blanks
// `meanwhile` is called now and then: the outputs of a response, and the end of them, take long.
std::string encode_response(
    const Request& request, Response response, const std::function<void()>& meanwhile = [] {});
std::string encode_pong(const Request& request, std::string_view version);
std::string encode_error(const RpcError& failure);

// vxctl's side: a line from vxd. An RPC error that belongs to no command (index) is this function's error.
Result<Response> decode_response(std::string_view line);
Result<std::string> decode_pong(std::string_view line); // the version

// Finds the end of a line of JSON in bytes as they come, and refuses early what cannot become a request, so that
// neither memory nor time is spent on it: what does not start with '{', characters that JSON has only inside
// strings, nesting, endless words and lines. What it lets pass still has to be decoded.
class LineScanner
{
public:
    explicit LineScanner(std::size_t longest = kMaxRequestSize) : longest_(longest) {}
    enum class State : std::uint8_t { kMore, kLine, kRefused };
    // Looks at `bytes`, which follow those of the calls before. `used` is how many of them belong to this line, with
    // its '\n' when kLine; the next call then starts a new line. On kRefused, refusal() says why.
    State scan(std::string_view bytes, std::size_t& used);
    bool at_start() const { return size_ == 0; } // nothing but white space so far
    const char* refusal() const { return refusal_; }
    bool is_over_size() const { return size_ > longest_; } // why it was refused
    void reset() { *this = LineScanner{longest_}; }

private:
    State refuse(const char* why);
    std::size_t skip_text(std::string_view bytes);
    // An escape is up to 6 bytes for one.
    bool is_too_long() const { return is_over_size() || (run_ > 6 * kMaxWordSize && depth_ != kScriptDepth); }

    static constexpr std::size_t kScriptDepth = 2; // in the params of the request; no word is so far out
    std::size_t longest_;
    std::size_t size_ = 0;  // of the line so far, from its '{'
    std::size_t depth_ = 0; // of open brackets
    std::size_t run_ = 0;   // bytes of the string or of the bare word so far
    bool in_string_ = false;
    bool escaped_ = false;
    const char* refusal_ = "";
};

// The words of one line: separated by blanks; "..." and '...' quote (inside "..." a backslash keeps the next
// character as it is); a word that starts with '#' begins a comment.
Result<CommandWords> split_words(std::string_view line);

// A text file of commands, one a line; as with ip(8), a line that ends with a backslash goes on in the next.
struct Script {
    CommandList commands;
    std::vector<std::uint32_t> lines; // where each command begins, from 1
    std::optional<Failure> failure;   // of a line that cannot be split; those behind it were not read
};
// `options` go in front of each command.
Script read_script(std::string_view text, CommandView options = {});
Script read_script(std::string_view text, CommandView options, Budget& budget);
// `name` is for errors: "NAME:7: ...".
Result<Script> parse_script(std::string_view text, std::string_view name);
Error at_line(std::string_view name, std::size_t line, Error failure);

} // namespace vx
