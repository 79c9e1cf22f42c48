// The pager's thread against a real spill, with the loop played by the test: what it still holds of a
// message is held by both threads at once.
#include "server/runtime/pager.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/runtime/inbox.h"
#include "tests/contract/records.h"
#include "tests/contract/temporary_directory.h"

namespace warren::runtime {
namespace {

constexpr uint64_t kMessages = 200;

class PagerTest : public ::testing::Test {
 protected:
  PagerTest() {
    auto spill = storage::Spill::Open({.directory = directory_.path()});
    EXPECT_TRUE(spill.ok()) << spill.status();
    spill_ = *std::move(spill);
    pager_ = std::make_unique<Pager>(
        *spill_, [this](absl::StatusOr<core::Paged> moved) { inbox_.Post(std::move(moved)); });
  }
  ~PagerTest() override { pager_.reset(); }

  static std::string Body(uint64_t number) { return "body " + std::to_string(number); }

  absl::StatusOr<core::Paged> Await() {
    std::vector<absl::StatusOr<core::Paged>> mail;
    while (mail.empty()) {
      if (inbox_.HasMail()) inbox_.Take(mail);
    }
    EXPECT_EQ(mail.size(), 1u);
    return std::move(mail.front());
  }

  const storage::TemporaryDirectory directory_;
  std::unique_ptr<storage::Spill> spill_;
  Inbox<absl::StatusOr<core::Paged>> inbox_{1, [] {}};
  std::unique_ptr<Pager> pager_;
};

TEST_F(PagerTest, WhatWentOutComesBackInOrder) {
  core::PageWork out;
  std::vector<storage::MessagePtr> held;
  for (uint64_t number = 1; number <= kMessages; ++number) {
    held.push_back(storage::MessageWithBody(Body(number)));
    out.out.push_back({{number}, held.back()});
  }
  pager_->Carry(std::move(out));
  // A delivery reads and lets go of what is just leaving.
  for (uint64_t number = 1; number <= kMessages; ++number) {
    EXPECT_EQ(held[number - 1]->body.view(), Body(number));
    held[number - 1] = nullptr;
  }
  const absl::StatusOr<core::Paged> left = Await();
  ASSERT_TRUE(left.ok()) << left.status();
  ASSERT_EQ(left->out.size(), kMessages);

  core::PageWork in;
  for (const core::PagedOut& page : left->out) in.in.push_back({page.id, page.page});
  pager_->Carry(std::move(in));
  const absl::StatusOr<core::Paged> back = Await();
  ASSERT_TRUE(back.ok()) << back.status();
  ASSERT_EQ(back->in.size(), kMessages);
  for (uint64_t number = 1; number <= kMessages; ++number) {
    EXPECT_EQ(back->in[number - 1].id.value, number);
    EXPECT_EQ(back->in[number - 1].content->body.view(), Body(number));
  }
}

TEST_F(PagerTest, WhatIsDroppedIsGone) {
  core::PageWork out;
  out.out.push_back({{1}, storage::MessageWithBody(Body(1))});
  pager_->Carry(std::move(out));
  const absl::StatusOr<core::Paged> left = Await();
  ASSERT_TRUE(left.ok()) << left.status();

  core::PageWork drop;
  drop.dropped.push_back(left->out.front().page);
  pager_->Carry(std::move(drop));
  ASSERT_TRUE(Await().ok());
  pager_.reset();
  EXPECT_EQ(spill_->live_messages(), 0u);
}

TEST_F(PagerTest, WorkUnderwayIsDoneBeforeTheEnd) {
  core::PageWork out;
  out.out.push_back({{1}, storage::MessageWithBody(Body(1))});
  pager_->Carry(std::move(out));
  pager_.reset();
  const absl::StatusOr<core::Paged> left = Await();
  ASSERT_TRUE(left.ok()) << left.status();
  EXPECT_EQ(spill_->live_messages(), 1u);
}

}  // namespace
}  // namespace warren::runtime
