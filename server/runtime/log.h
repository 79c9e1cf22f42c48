// The broker's log, on standard error: text on a terminal, one JSON object a line otherwise.
//
// A line is a message for people, always the same for the same event, and fields for what differs.
// Never bodies of messages, never secrets. Thread-safe. server/core doesn't log.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace warren::runtime {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarning, kError };

// "debug", "info", "warning" or "error"; false for anything else.
bool ParseLogLevel(std::string_view name, LogLevel& level);
std::string_view LogLevelName(LogLevel level);

// What a line is about; each has a level of its own.
enum class LogCategory : uint8_t { kBroker, kStorage, kApi, kAuth, kLibrary };
inline constexpr size_t kLogCategories = 5;

// "broker", "storage", "api", "auth" or "library"; false for anything else.
bool ParseLogCategory(std::string_view name, LogCategory& category);
std::string_view LogCategoryName(LogCategory category);
std::string LogCategoryNames();

// From which level on lines are written. Info by default.
class LogLevels {
 public:
  LogLevels() { SetAll(LogLevel::kInfo); }
  void SetAll(LogLevel level) { levels_.fill(level); }
  void Set(LogCategory category, LogLevel level) { levels_[static_cast<size_t>(category)] = level; }
  LogLevel Of(LogCategory category) const { return levels_[static_cast<size_t>(category)]; }

 private:
  std::array<LogLevel, kLogCategories> levels_;
};

enum class LogForm : uint8_t { kAutomatic, kText, kJson };  // automatic: text on a terminal

struct LogField {
  std::string_view name;
  std::string value;
};
using LogFields = std::initializer_list<LogField>;

// Call once, before other threads log. Without it: info and above, as text.
void StartLog(const LogLevels& levels, LogForm form);

// At any time, from any thread.
void SetLogLevels(const LogLevels& levels);
LogLevels LogLevelsNow();

void Log(LogCategory category, LogLevel level, std::string_view message, LogFields fields = {});

// About the broker itself.
inline void Log(LogLevel level, std::string_view message, LogFields fields = {}) {
  Log(LogCategory::kBroker, level, message, fields);
}

// The line without time and level: `message name=value` or `"message":"…","name":"value"`.
std::string FormatLogLine(std::string_view message, LogFields fields, bool json);

}  // namespace warren::runtime
