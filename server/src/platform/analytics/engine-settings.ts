const MB = 1024 * 1024

/** What the engine may use, from one number. Every cache is named: their defaults are gigabytes. */
export function engineConfig(memoryMb: number): string {
  const settings = {
    max_server_memory_usage: memoryMb * MB,
    mark_cache_size: 16 * MB,
    index_mark_cache_size: 8 * MB,
    uncompressed_cache_size: 0,
    index_uncompressed_cache_size: 0,
    primary_index_cache_size: 32 * MB,
    query_condition_cache_size: 4 * MB,
    compiled_expression_cache_size: 8 * MB,
    vector_similarity_index_cache_size: MB,
    text_index_tokens_cache_size: MB,
    text_index_header_cache_size: MB,
    text_index_postings_cache_size: MB,
    mmap_cache_size: 64,
    max_thread_pool_size: 200,
    max_thread_pool_free_size: 20,
    background_pool_size: 2,
    background_schedule_pool_size: 4,
    background_common_pool_size: 2,
    background_move_pool_size: 1,
    background_fetches_pool_size: 1,
  }
  // Below the number of background threads, as the engine demands.
  const mergeTree = {
    number_of_free_entries_in_pool_to_lower_max_size_of_merge: 1,
    number_of_free_entries_in_pool_to_execute_mutation: 1,
    number_of_free_entries_in_pool_to_execute_optimize_entire_partition: 1,
  }
  return `<clickhouse>${elements(settings)}<merge_tree>${elements(mergeTree)}</merge_tree></clickhouse>\n`
}

function elements(settings: Readonly<Record<string, number>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `<${name}>${value}</${name}>`)
    .join('')
}

/** Of the memory for all, what one statement may use; larger sorts and groups go to the disk. */
const STATEMENT_SHARE = 0.5
const SPILL_SHARE = 0.2

/** How every statement runs unless its caller says otherwise. */
export function sessionSettings(memoryMb: number): Readonly<Record<string, string>> {
  const memory = memoryMb * MB
  return {
    max_memory_usage: String(Math.floor(memory * STATEMENT_SHARE)),
    max_bytes_before_external_group_by: String(Math.floor(memory * SPILL_SHARE)),
    max_bytes_before_external_sort: String(Math.floor(memory * SPILL_SHARE)),
    max_result_bytes: String(Math.floor(memory * SPILL_SHARE)),
    max_execution_time: '60',
    max_threads: '2',
    max_insert_threads: '1',
    max_block_size: '16384',
    min_insert_block_size_bytes: String(Math.floor(memory * 0.1)),
    async_insert: '0',
    date_time_input_format: 'best_effort',
    date_time_output_format: 'iso',
    output_format_json_quote_64bit_integers: '0',
  }
}
