#include "server/runtime/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <memory>

namespace warren::runtime {
namespace {

constexpr std::array<std::string_view, kLogCategories> kCategoryNames = {"broker", "storage", "api",
                                                                         "auth", "library"};

bool json_lines = false;  // set by StartLog, before other threads log

// By category.
std::array<std::atomic<LogLevel>, kLogCategories> levels_now = {
    LogLevel::kInfo, LogLevel::kInfo, LogLevel::kInfo, LogLevel::kInfo, LogLevel::kInfo};

spdlog::level::level_enum SpdlogLevel(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: return spdlog::level::debug;
    case LogLevel::kInfo: return spdlog::level::info;
    case LogLevel::kWarning: return spdlog::level::warn;
    case LogLevel::kError: return spdlog::level::err;
  }
  return spdlog::level::info;
}

// With quotes around it. Control characters are escaped, so that no value can fake a line.
void AppendQuoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c));
      out += escaped;
    } else {
      out += c;
    }
  }
  out += '"';
}

}  // namespace

std::string_view LogLevelName(LogLevel level) {
  constexpr std::array<std::string_view, 4> kNames = {"debug", "info", "warning", "error"};
  return kNames[static_cast<size_t>(level)];
}

std::string_view LogCategoryName(LogCategory category) {
  return kCategoryNames[static_cast<size_t>(category)];
}

bool ParseLogLevel(std::string_view name, LogLevel& level) {
  if (name == "debug") level = LogLevel::kDebug;
  else if (name == "info") level = LogLevel::kInfo;
  else if (name == "warning") level = LogLevel::kWarning;
  else if (name == "error") level = LogLevel::kError;
  else return false;
  return true;
}

bool ParseLogCategory(std::string_view name, LogCategory& category) {
  for (size_t i = 0; i < kLogCategories; ++i) {
    if (kCategoryNames[i] != name) continue;
    category = static_cast<LogCategory>(i);
    return true;
  }
  return false;
}

std::string LogCategoryNames() {
  std::string names;
  for (const std::string_view name : kCategoryNames) {
    names += names.empty() ? "" : ", ";
    names += name;
  }
  return names;
}

std::string FormatLogLine(std::string_view message, LogFields fields, bool json) {
  std::string line;
  if (json) {
    line += "\"message\":";
    AppendQuoted(line, message);
  } else {
    line += message;
  }
  for (const LogField& field : fields) {
    if (json) {
      line += ',';
      AppendQuoted(line, field.name);
      line += ':';
    } else {
      line += ' ';
      line += field.name;
      line += '=';
    }
    AppendQuoted(line, field.value);
  }
  return line;
}

void SetLogLevels(const LogLevels& levels) {
  for (size_t i = 0; i < kLogCategories; ++i) {
    levels_now[i].store(levels.Of(static_cast<LogCategory>(i)), std::memory_order_relaxed);
  }
}

LogLevels LogLevelsNow() {
  LogLevels levels;
  for (size_t i = 0; i < kLogCategories; ++i) {
    levels.Set(static_cast<LogCategory>(i), levels_now[i].load(std::memory_order_relaxed));
  }
  return levels;
}

void StartLog(const LogLevels& levels, LogForm form) {
  json_lines = form == LogForm::kAutomatic ? isatty(STDERR_FILENO) == 0 : form == LogForm::kJson;
  SetLogLevels(levels);
  spdlog::drop("warren");
  const std::shared_ptr<spdlog::logger> logger =
      json_lines ? spdlog::stderr_logger_mt("warren") : spdlog::stderr_color_mt("warren");
  logger->set_pattern(json_lines ? R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l",%v})"
                                 : "%Y-%m-%d %H:%M:%S.%e %^%l%$ %v");
  logger->set_level(spdlog::level::debug);  // Log has decided by then
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(logger);
}

void Log(LogCategory category, LogLevel level, std::string_view message, LogFields fields) {
  const auto index = static_cast<size_t>(category);
  if (level < levels_now[index].load(std::memory_order_relaxed)) return;
  std::string line;
  if (json_lines) {
    line = "\"category\":\"" + std::string(kCategoryNames[index]) + "\",";
  } else {
    line = std::string(kCategoryNames[index]) + ": ";
  }
  line += FormatLogLine(message, fields, json_lines);
  spdlog::default_logger_raw()->log(SpdlogLevel(level),
                                    spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace warren::runtime
