// The broker's log, on standard error: text on a terminal, one JSON object a line otherwise.
//
// A line is a message for people, always the same for the same event, and fields for what differs.
// Never bodies of messages, never secrets. Thread-safe. server/core doesn't log.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace warren::runtime {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// "debug", "info", "warning" or "error"; false for anything else.
bool ParseLogLevel(std::string_view name, LogLevel& level);

struct LogField {
  std::string_view name;
  std::string value;
};
using LogFields = std::initializer_list<LogField>;

// Call once, before other threads log. Without it: info and above, as text.
void StartLog(LogLevel level, bool json);

void Log(LogLevel level, std::string_view message, LogFields fields = {});

// The line without time and level: `message name=value` or `"message":"…","name":"value"`.
std::string FormatLogLine(std::string_view message, LogFields fields, bool json);

}  // namespace warren::runtime
