// Exchange types as parts of tests' names. Thread-safe: functions only.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "storage/options.h"

namespace warren::core {

// The parameter's part of a test's name.
inline std::string NameOf(const testing::TestParamInfo<storage::ExchangeType>& type) {
  switch (type.param) {
    case storage::ExchangeType::kDirect:
      return "Direct";
    case storage::ExchangeType::kFanout:
      return "Fanout";
    case storage::ExchangeType::kTopic:
      return "Topic";
    case storage::ExchangeType::kHeaders:
      return "Headers";
  }
  return "Unknown";
}

}  // namespace warren::core
