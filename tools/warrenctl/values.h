// How durations and headers are written on a command line. Pure functions; thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "google/protobuf/duration.pb.h"
#include "warren/v1/message.pb.h"

namespace warren::tools {

// "10s", "500ms", "1h30m", "0"; whole milliseconds, not negative.
//
//   valid    10s  500ms  1h30m  1.5s  0
//   invalid  10  ten  -1s  0.1ms  inf  ""
absl::StatusOr<google::protobuf::Duration> ParseDuration(std::string_view text);

struct Header {
  std::string name;
  v1::HeaderValue value;
};

// NAME=TEXT, NAME:TYPE=VALUE with type string, int, double or bool, or NAME alone for a value
// that is just there. A colon that no type follows belongs to the name.
//
//   region=eu   retries:int=3   ratio:double=0.5   urgent:bool=true   seen   a:b=text
absl::StatusOr<Header> ParseHeader(std::string_view text);

// The inverse, for people.
std::string FormatHeaderValue(const v1::HeaderValue& value);

}  // namespace warren::tools
