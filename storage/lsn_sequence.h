// Checks what Journal::Append requires: that batches come one after the other, none left out and
// none twice. Thread-compatible.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "storage/ids.h"

namespace warren::storage {

class LsnSequence {
 public:
  // INTERNAL, and no change, if `lsn` isn't the one after the last that was taken.
  absl::Status Take(Lsn lsn) {
    if (lsn.value != last_.value + 1) {
      return absl::InternalError(
          absl::StrCat("journal got batch ", lsn.value, " after batch ", last_.value));
    }
    last_ = lsn;
    return absl::OkStatus();
  }

 private:
  Lsn last_;
};

}  // namespace warren::storage
