"""What other programs do with an archive, by deltalake.

usage: archive.py TABLE read DATE | optimize | append CUSTOMER DATE

Prints one JSON document.
"""

import datetime
import json
import sys

import deltalake
import pyarrow

table, what, *rest = sys.argv[1:]
delta = deltalake.DeltaTable(table)


def read(date):
    of_date = delta.to_pyarrow_table(partitions=[('event_date', '=', date)]).to_pylist()
    actions = pyarrow.table(delta.get_add_actions(flatten=True)).to_pylist()
    return {
        'version': delta.version(),
        'partitionColumns': delta.metadata().partition_columns,
        'rows': delta.to_pyarrow_table().num_rows,
        'ofDate': sorted([row['id'], str(row['event_date']), row['_partition'], row['_offset']] for row in of_date),
        'position': delta.transaction_version('quern/payments/kafka/topic-1/0'),
        'files': [
            {
                'date': str(action['partition.event_date']),
                'rows': action['num_records'],
                'first': action['min._offset'],
                'last': action['max._offset'],
                'from': action['min._event_time'].strftime('%Y-%m-%dT%H:%M:%SZ'),
            }
            for action in actions
        ],
    }


def append(customer, date):
    """A row without any of what a landing says."""
    day = datetime.date.fromisoformat(date)
    at = datetime.datetime(day.year, day.month, day.day, 1, tzinfo=datetime.timezone.utc)
    given = {'id': 'appended', 'customer': customer, 'at': f'{date}T01:00:00Z', 'amount': 1000, '_event_time': at}
    given |= {'event_date': day, '_retracts': False}
    schema = pyarrow.schema(delta.schema().to_arrow())
    deltalake.write_deltalake(table, pyarrow.Table.from_pylist([given], schema=schema), mode='append')
    return {}


def optimize():
    return {'removed': delta.optimize.compact()['numFilesRemoved']}


print(json.dumps({'read': read, 'append': append, 'optimize': optimize}[what](*rest)))
