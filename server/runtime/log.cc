#include "server/runtime/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <memory>

namespace warren::runtime {
namespace {

bool json_lines = false;  // set by StartLog, before other threads log

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

bool ParseLogLevel(std::string_view name, LogLevel& level) {
  if (name == "debug") level = LogLevel::kDebug;
  else if (name == "info") level = LogLevel::kInfo;
  else if (name == "warning") level = LogLevel::kWarning;
  else if (name == "error") level = LogLevel::kError;
  else return false;
  return true;
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

void StartLog(LogLevel level, bool json) {
  json_lines = json;
  spdlog::drop("warren");
  const std::shared_ptr<spdlog::logger> logger =
      json ? spdlog::stderr_logger_mt("warren") : spdlog::stderr_color_mt("warren");
  logger->set_pattern(json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l",%v})"
                           : "%Y-%m-%d %H:%M:%S.%e %^%l%$ %v");
  logger->set_level(SpdlogLevel(level));
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(logger);
}

void Log(LogLevel level, std::string_view message, LogFields fields) {
  spdlog::logger& logger = *spdlog::default_logger_raw();
  const spdlog::level::level_enum spdlog_level = SpdlogLevel(level);
  if (!logger.should_log(spdlog_level)) return;
  const std::string line = FormatLogLine(message, fields, json_lines);
  logger.log(spdlog_level, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace warren::runtime
