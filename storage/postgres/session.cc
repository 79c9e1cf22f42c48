#include "storage/postgres/session.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "storage/postgres/copy_format.h"
#include "storage/postgres/eviction.h"

namespace warren::storage {
namespace {

constexpr char kCommitBatch[] = "SELECT warren.commit_batch(0,$1,$2,$3)";
constexpr int16_t kCommitParameters = 3;

}  // namespace

absl::StatusOr<bool> Session::Resume() {
  link_.reset();
  absl::StatusOr<std::unique_ptr<Link>> link = Link::Connect(options_);
  if (!link.ok()) return link.status();
  // Our own former connection may live on at the server's side, and a deposed broker's anywhere.
  absl::Status evicted = EvictWriters(**link, absl::StrCat("epoch = ", ownership_.epoch));
  if (!evicted.ok()) return evicted;
  // The lock waits for a commit of the old connection that the server is still at. One that it
  // hasn't come to yet mustn't take effect later, when its number is another transaction's: so if
  // the number is free, it is used up.
  const absl::StatusOr<Link::Rows> rows = (*link)->Query(
      absl::StrCat("UPDATE warren.shards SET last_batch = ", number_ + 1,
                   " WHERE shard = 0 AND epoch = ", ownership_.epoch, " AND last_batch = ",
                   number_ - 1,
                   ";SELECT epoch, last_batch, coalesce(owner, 'nobody') FROM warren.shards "
                   "WHERE shard = 0 FOR UPDATE"),
      "see which transaction was the last");
  if (!rows.ok()) return rows.status();
  int64_t epoch = 0;
  int64_t last = 0;
  if (rows->size() != 1 || !absl::SimpleAtoi((*rows)[0][0], &epoch) ||
      !absl::SimpleAtoi((*rows)[0][1], &last)) {
    return absl::DataLossError(absl::StrCat(
        (*link)->where(), ": table warren.shards: there must be one row, with shard 0"));
  }
  if (epoch > ownership_.epoch) {
    return absl::AbortedError(
        absl::StrCat((*link)->where(), ": this broker's epoch ", ownership_.epoch,
                     " is over: epoch ", epoch, " belongs to ", (*rows)[0][2],
                     "; nothing was written since"));
  }
  if (epoch < ownership_.epoch || (last != number_ && last != number_ + 1)) {
    return absl::DataLossError(absl::StrCat(
        (*link)->where(), ": the database went back in time: it is at epoch ", epoch,
        ", transaction ", last, ", this broker at epoch ", ownership_.epoch, ", transaction ",
        number_ - 1, "; it was restored, or a standby took over that lacked the rest. What was ",
        "confirmed meanwhile is lost; start the broker again to go on with what is there"));
  }
  const bool took_effect = last == number_;
  number_ = last + 1;
  link_ = *std::move(link);
  return took_effect;
}

void Session::Begin(std::string_view statements, std::string_view doing) {
  begun_ = std::chrono::steady_clock::now();
  in_pipeline_ = false;
  // Statements that are sent together are one transaction, which has been committed when the last
  // of them answers; an explicit BEGIN and COMMIT would cost a small batch a tenth of its time.
  link_->Begin(absl::StrCat(absl::string_view(statements.data(), statements.size()),
                            "SELECT warren.commit_batch(0,", ownership_.epoch, ",", number_, ",",
                            ownership_.lease_ms, ")"),
               doing);
}

void Session::BeginPipeline(std::string_view doing) {
  begun_ = std::chrono::steady_clock::now();
  in_pipeline_ = true;
  link_->BeginPipeline(doing);
}

absl::Status Session::Commit() {
  if (in_pipeline_) {
    CopyBuffer row;
    CopyWriter out(row);
    out.Row(kCommitParameters);
    out.Int8(ownership_.epoch);
    out.Int8(number_);
    out.Int8(ownership_.lease_ms);
    link_->Execute(kCommitBatch, kCommitParameters, row.view());
  }
  absl::Status status = link_->Finish();
  if (!status.ok()) return status;
  ++number_;
  if (ownership_.renewed) ownership_.renewed(begun_);
  return status;
}

}  // namespace warren::storage
