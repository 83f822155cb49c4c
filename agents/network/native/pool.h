// A few threads that work through numbered tasks. Who takes which is left to chance, so a task must not depend on it.
#pragma once
#include <atomic>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace unitcell {

class Pool {
 public:
  /** The caller is one of the threads. */
  explicit Pool(int threads) : size_(threads < 1 ? 1 : threads) {
    for (int i = 1; i < size_; i++) workers_.emplace_back([this, i] { serve(i); });
  }

  ~Pool() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  int size() const { return size_; }

  /** Runs work(task, thread) for every task; returns when all are done, and throws what one of them threw. */
  void run(int tasks, const std::function<void(int, int)>& work) {
    if (size_ == 1 || tasks == 1) {
      for (int task = 0; task < tasks; task++) work(task, 0);
      return;
    }
    {
      std::lock_guard<std::mutex> lock(mutex_);
      work_ = &work;
      tasks_ = tasks;
      next_ = 0;
      busy_ = size_ - 1;
      round_++;
    }
    wake_.notify_all();
    take(0);
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, [this] { return busy_ == 0; });
    work_ = nullptr;
    if (std::exception_ptr failure = std::move(failure_)) {
      failure_ = nullptr;
      std::rethrow_exception(failure);
    }
  }

 private:
  void take(int thread) {
    for (int task = next_++; task < tasks_; task = next_++) {
      try {
        (*work_)(task, thread);
      } catch (...) {
        std::lock_guard<std::mutex> lock(mutex_);
        if (!failure_) failure_ = std::current_exception();
        next_ = tasks_;
      }
    }
  }

  void serve(int thread) {
    unsigned long seen = 0;
    for (;;) {
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [&] { return stopping_ || round_ != seen; });
        if (stopping_) return;
        seen = round_;
      }
      take(thread);
      std::lock_guard<std::mutex> lock(mutex_);
      if (--busy_ == 0) done_.notify_one();
    }
  }

  const int size_;
  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  const std::function<void(int, int)>* work_ = nullptr;
  std::atomic<int> next_{0};
  std::exception_ptr failure_;
  int tasks_ = 0, busy_ = 0;
  unsigned long round_ = 0;
  bool stopping_ = false;
};

}  // namespace unitcell
