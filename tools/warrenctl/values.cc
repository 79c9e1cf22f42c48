#include "tools/warrenctl/values.h"

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "google/protobuf/util/time_util.h"

namespace warren::tools {
namespace {

absl::string_view Absl(std::string_view s) { return {s.data(), s.size()}; }

absl::Status Invalid(std::string_view what, std::string_view text, std::string_view expected) {
  return absl::InvalidArgumentError(
      absl::StrCat(Absl(what), " \"", Absl(text), "\": expected ", Absl(expected)));
}

}  // namespace

absl::StatusOr<google::protobuf::Duration> ParseDuration(std::string_view text) {
  absl::Duration duration;
  const bool valid = absl::ParseDuration(Absl(text), &duration) &&
                     duration >= absl::ZeroDuration() && duration != absl::InfiniteDuration() &&
                     absl::Trunc(duration, absl::Milliseconds(1)) == duration;
  if (!valid) {
    return Invalid("duration", text,
                   "a number and a unit in whole milliseconds: 500ms, 10s, 1h30m");
  }
  return google::protobuf::util::TimeUtil::MillisecondsToDuration(
      absl::ToInt64Milliseconds(duration));
}

absl::StatusOr<Header> ParseHeader(std::string_view text) {
  const size_t equals = text.find('=');
  std::string_view name = text.substr(0, equals);
  Header header;
  if (equals == std::string_view::npos) {
    if (name.empty()) return Invalid("header", text, "NAME=VALUE, NAME:TYPE=VALUE or NAME");
    header.name = name;
    return header;
  }
  const std::string value(text.substr(equals + 1));

  const size_t colon = name.rfind(':');
  const std::string_view type =
      colon == std::string_view::npos ? std::string_view() : name.substr(colon + 1);
  bool typed = true;
  bool valid = true;
  if (type == "string") {
    header.value.set_string_value(value);
  } else if (type == "int") {
    int64_t number = 0;
    valid = absl::SimpleAtoi(value, &number);
    header.value.set_int_value(number);
  } else if (type == "double") {
    double number = 0;
    valid = absl::SimpleAtod(value, &number);
    header.value.set_double_value(number);
  } else if (type == "bool") {
    bool truth = false;
    valid = absl::SimpleAtob(value, &truth);
    header.value.set_bool_value(truth);
  } else {
    typed = false;
    header.value.set_string_value(value);
  }
  if (!valid) return Invalid("header", text, absl::StrCat("a value of type ", Absl(type)));
  header.name = typed ? name.substr(0, colon) : name;
  if (header.name.empty()) return Invalid("header", text, "a name before the equals sign");
  return header;
}

std::string FormatHeaderValue(const v1::HeaderValue& value) {
  switch (value.kind_case()) {
    case v1::HeaderValue::kStringValue:
      return value.string_value();
    case v1::HeaderValue::kIntValue:
      return absl::StrCat(value.int_value());
    case v1::HeaderValue::kDoubleValue:
      return absl::StrCat(value.double_value());
    case v1::HeaderValue::kBoolValue:
      return value.bool_value() ? "true" : "false";
    case v1::HeaderValue::kBytesValue:
      return absl::Base64Escape(value.bytes_value());
    case v1::HeaderValue::kTimestampValue:
      return google::protobuf::util::TimeUtil::ToString(value.timestamp_value());
    case v1::HeaderValue::kListValue:
    case v1::HeaderValue::kTableValue:
      return value.ShortDebugString();
    case v1::HeaderValue::KIND_NOT_SET:
      return "";
  }
  return "";
}

}  // namespace warren::tools
